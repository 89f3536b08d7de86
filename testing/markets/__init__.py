"""Made-up markets: sources of bars with faults, joint markets with stylised facts, and markets with a planted signal.

Everything is drawn from a seed. Start with `bars`.
"""

"""The data gate: expectations on staged bars, which are published, held back or passed with a warning.

Start with `gate`.
"""

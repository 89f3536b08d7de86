"""The data gate: expectations on staged bars, and what is published, held back or passed with a warning.

Start with `gate`.
"""

"""The account of the day loop, compiled: many paths or grid points side by side, with a gradient.

Must equal the exact account within rounding. Start with `simulate`.
"""

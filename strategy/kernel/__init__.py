"""The account of the day loop as a compiled kernel: many paths or grid points in parallel, with a gradient.

It must equal the exact account within rounding. Start with `simulate`.
"""

"""Agreements with an account over time: the terms that it keeps, and money paid in and out.

Start with `terms`.
"""

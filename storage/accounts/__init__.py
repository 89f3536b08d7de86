"""Agreements with an account over time, each a dated entry: the terms that it keeps.

Start with `terms`.
"""

"""Bars from delivery to publication: staging, quarantine, published revisions, and notes on them.

Start with `staging`, then `published`.
"""

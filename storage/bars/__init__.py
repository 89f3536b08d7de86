"""Bars from delivery to publication: staging, quarantine, published revisions, and what stands beside them.

Start with `staging`, then `published`.
"""

"""Sources of yearly interest rates: the bills that come with the sample, files, and Yahoo.

They deliver rates as they stand, converted to yearly fractions; the data gate checks them. Start with `shipped_bills`.
"""

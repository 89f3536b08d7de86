"""Sources of yearly interest rates, the bills that come with the sample, files, and Yahoo; and files of funding rates.

They deliver rates as they stand, converted to fractions; the data gate checks them. Start with `shipped_bills`.
"""

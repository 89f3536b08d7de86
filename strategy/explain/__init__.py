"""Every number between a day's bars and its orders: sizes, forecasts, the order itself.

Start with `order`.
"""

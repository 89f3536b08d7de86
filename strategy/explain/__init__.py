"""Explanation of orders: every number between a day's bars and its orders.

Start with `record`.
"""

"""The record of an order or a day: every number on the way from the bars to the fill, and what produced the target.

Start with `order_record`.
"""

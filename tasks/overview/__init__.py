"""All accounts of a home on one page, which each run writes again.

Start with `facts`, which reads the store; `page` makes a page of them, and `writing` puts it in its place.
"""

"""The page of a model: how its training went, what its inputs are worth, and the gate's verdict on it.

Start with `writing`, which reads the registry; `page` makes a page of what it finds, with pictures drawn from values.
"""

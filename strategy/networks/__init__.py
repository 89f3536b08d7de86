"""The transformer whose signal departs from the prior rule, its attention, and an ensemble of networks.

Start with `transformer`.
"""

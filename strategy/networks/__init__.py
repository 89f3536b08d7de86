"""The transformer whose signal is a departure from the prior rule, its attention, and an ensemble of networks.

Start with `transformer`.
"""

"""The Differentiable Market Twin's paths: a generator of joint market histories and the measure of its fidelity.

Start with `generator`.
"""

"""Differentiable Market Twin: a generator of joint synthetic market histories, and a test of its fidelity.

Start with `generator`.
"""

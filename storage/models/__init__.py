"""Models and trials: weights by hash, promotions, folds, and every configuration ever tried.

Start with `registry`.
"""

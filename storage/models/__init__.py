"""Models and trials: weights by hash, promotions, walk-forward folds, and every configuration ever tried.

Start with `registry`.
"""

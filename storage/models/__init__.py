"""Models and trials: weights by hash, promotions, the champion of a day, folds, and every configuration ever tried.

Start with `registry`.
"""

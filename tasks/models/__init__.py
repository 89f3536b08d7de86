"""Models of a run: retrain if due, judge the challenger, load the champion, fit the models of folds.

Start with `retrain`.
"""

"""From signals to target exposures and orders: estimates, sizing, limits and the decision of a day.

Start with `decision`.
"""

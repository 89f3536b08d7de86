"""Drift: whether a live account still does what its past had led to expect, by a band, by costs and by its inputs.

Knows arrays alone: neither where the past comes from nor what becomes of an alarm. Start with `band`.
"""

"""Prefect's server: the one of a single run, and the one that `turbodmt up` keeps, behind its password.

Start with `availability`.
"""

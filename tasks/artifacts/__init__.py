"""The steps of a day that publish Prefect artifacts, and what they publish; the rest of `tasks` runs without Prefect.

Start with `day`.
"""

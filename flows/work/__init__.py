"""The work of the flows of days without Prefect: the same steps under a flow and as plain functions.

Start with `day`.
"""

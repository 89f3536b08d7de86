"""Deployments, schedules, automations, alerts and digests on Prefect's server.

Start with `deployments`.
"""

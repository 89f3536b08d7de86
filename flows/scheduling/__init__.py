"""Deployments, schedules, automations and alerts on Prefect's server.

Start with `deployments`.
"""

"""Deployments, schedules, automations, alerts, digests and the page of all accounts on Prefect's server.

Start with `deployments`.
"""

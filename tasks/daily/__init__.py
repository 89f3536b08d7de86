"""The steps of a trading day in order: validate, settle, signals, order, replay check, report.

Start with `account_state`.
"""

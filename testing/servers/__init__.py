"""Servers and whole processes on loopback: Prefect's and its page, `turbodmt up`, and Binance's public data.

Every one of them ends with the test that started it. Start with `prefect_server`.
"""

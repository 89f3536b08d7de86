"""The day loop shared by backtest, backfill and daily run, with its exceptions: halts and restated prices.

Start with `day_loop`; `replay` runs it over a history, from plain records where the terms of the account allow it.
"""

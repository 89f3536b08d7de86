"""The day loop shared by backtest, backfill and daily run, with its exceptions: halts and restated prices.

Start with `day_loop`.
"""

"""The day loop that backtest, backfill and daily run share, and what interrupts it: halts and restated prices.

Start with `day_loop`.
"""

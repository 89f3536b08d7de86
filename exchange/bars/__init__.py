"""Sources of daily bars behind the port `BarSource`: the sample, files, Binance and Yahoo.

Start with `sample`, the smallest, or `files`.
"""

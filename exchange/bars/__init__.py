"""Where daily bars come from: the sample, files, Binance and Yahoo, behind the port `BarSource`.

Start with `sample`, the smallest, or `files`.
"""

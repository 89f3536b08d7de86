"""Fakes at the ports and made-up markets, for tests and benchmarks; not part of the product.

It may import the product; the product never imports it. Start with `testing.markets.bars`, a made-up source of bars,
and `testing.runs.jobs`, the steps of a day on it. `testing.exchange.core` stands in for Binance's testnets.
"""

"""A fake exchange that speaks the interface of Binance's testnets, with its own clock, books, rate limits and faults.

It knows nothing of the product; only `testnets` points our brokers at it. Start with `core`.
"""

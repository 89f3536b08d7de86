"""Brokers behind the port `Broker`: the paper broker and Binance's testnets.

No code here can reach real money. Start with `paper`, then `binance_orders`.
"""

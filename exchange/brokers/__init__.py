"""Where orders go: the paper broker and Binance's testnets, behind the port `Broker`.

Nothing here can reach real money. Start with `paper`, then `binance_orders`.
"""

"""Pages, tables and pictures: what is drawn, from values alone.

Knows neither store nor broker. Start with `daily_page`.
"""

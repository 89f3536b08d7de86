"""Pages, tables and pictures, drawn from values alone.

Depends on neither store nor broker. Start with `daily_page`.
"""

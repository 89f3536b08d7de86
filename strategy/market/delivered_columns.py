"""Columns of the frame in which a source delivers bars, up to the data gate."""

#: Columns of the frame, in order. Prices and volume are float64 (volume and adj_close may be NaN), symbol is str,
#: open_time is datetime64[us], the UTC session date at midnight.
BAR_COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume", "adj_close")

#: Optional column of a frame: the names and texts of cells that are neither empty nor numbers; else "".
UNREAD = "unread"

#: Optional column of a frame whose rows were not in date order and were sorted: the original row number, counted from
#: 1, of a bar that was out of order; else 0.
MOVED = "moved"

#: Before the name of a column of the user's own, each optional: float64, NaN where there is no value, infinite where
#: the cell is no number.
OWN = "own:"

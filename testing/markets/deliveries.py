"""A source's delivery of one symbol, and its way into the store."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from storage.bars import published as bars
from storage.bars import staging
from storage.database import Connection

AT = datetime(2020, 2, 1, tzinfo=UTC)
#: After all that is delivered.
END = date(2030, 1, 1)


def delivery(symbol: str, first: str, close: Sequence[float], adjusted: Sequence[float] | None = None) -> pd.DataFrame:
    """Bars on consecutive days; without adjusted closes if none are given."""
    closes = np.array(close)
    return pd.DataFrame(
        {
            "symbol": symbol,
            "open_time": pd.date_range(first, periods=len(close)).astype("datetime64[us]"),
            "open": closes,
            "high": closes + 1,
            "low": closes - 1,
            "close": closes,
            "volume": np.nan,
            "adj_close": np.nan if adjusted is None else np.array(adjusted),
        }
    )


def deliver(store: Connection, frame: pd.DataFrame, at: datetime = AT, source: str = "test") -> int:
    """Rows published of a delivery of one symbol, which no gate has judged."""
    symbol = str(frame["symbol"].iloc[0])
    staging.stage(store, source, frame, ingested_at=at)
    return bars.publish(store, source, symbol, ingested_at=at)

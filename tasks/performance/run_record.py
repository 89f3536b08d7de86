"""The record of a saved backtest, `run.json`: what a comparison with another run needs, to the last bit."""

from datetime import date, datetime
from typing import Self

from pydantic import JsonValue, model_validator

from tasks.run.answers import Answer

#: The name of the file beside the report.
FILE = "run.json"


class RunRecord(Answer):
    """A backtest's net account by day, and what it was made of.

    `equity` and `turnover` (traded notional over equity) are of each of T dates. From a date to the next, T − 1 of
    them, `risk_free` is the return that excess returns subtract and `idle` that of an account that holds cash alone.
    `trial` is the configuration as the list of trials has it, null for a baseline, which is no trial; `trials` the
    count when the run was saved. Sharpe ratios of another `account_version` are above another rate.
    """

    saved_at: datetime
    strategy: str
    strategy_sha256: str | None
    source: str
    symbols: tuple[str, ...]
    data_sha256: str
    code_version: str
    seed: int
    config: dict[str, JsonValue]
    trial: str | None
    trials: int | None
    account_version: int
    days_per_year: int
    dates: tuple[date, ...]
    equity: tuple[float, ...]
    turnover: tuple[float, ...]
    risk_free: tuple[float, ...]
    idle: tuple[float, ...]

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        days = len(self.dates)
        lengths = [len(self.equity), len(self.turnover), len(self.risk_free) + 1, len(self.idle) + 1]
        if lengths != [days] * 4 or list(self.dates) != sorted(set(self.dates)) or not days:
            raise ValueError(f"{days} dates that increase need as many values, and one return less")
        return self

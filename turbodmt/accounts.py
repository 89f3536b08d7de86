"""An account of the ledger, to read."""

from dataclasses import dataclass, field
from datetime import date
from html import escape
from os import PathLike
from pathlib import Path

import pandas as pd

from flows.cli.trade.explain import run_explain, shown_explanation
from flows.config.settings import load
from tasks.daily.account_history import WITHOUT_FLOWS
from tasks.explain.order_record_answer import ExplainAnswer
from tasks.operations import account_tables
from tasks.report.charts import EquityPicture, Line, equity_picture
from turbodmt.display import Picture, dated
from turbodmt.option_names import in_terms_of_python


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """An order from its bars to its fills; `answer` holds every number."""

    answer: ExplainAnswer = field(repr=False)

    def json(self) -> str:
        """Return what `turbodmt explain --json` prints."""
        return self.answer.to_json()

    def __str__(self) -> str:
        return shown_explanation(self.answer)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


class Account:
    """An account of daily runs or of a backfill, to read: nothing here trades or writes to it.

    `home` is the folder of its ledger; left out, that of the settings. Each table is read anew, so that it has the
    newest day. Amounts of money and quantities are float64; the ledger has them exactly.

    Raises UsageError if the home has no such account.

    >>> Account("daily", home="/nowhere")
    Traceback (most recent call last):
    strategy.exit_codes.UsageError: there is no account 'daily': /nowhere holds no account, or another home=
    """

    __slots__ = ("home", "name")

    def __init__(self, name: str, home: str | PathLike[str] | None = None) -> None:
        self.name = name
        with in_terms_of_python():
            self.home = load({"home": None if home is None else Path(home)}).home
            account_tables.demand_recorded(self.home, name)

    @property
    def equity(self) -> pd.DataFrame:
        """Return one row per settled day: equity, unit value (free of deposits and withdrawals), cash and drawdown."""
        return dated(account_tables.equity_table(self.home, self.name))

    @property
    def positions(self) -> pd.DataFrame:
        """Return what is held at the close of the last settled day, by symbol; `weight` is a fraction of equity."""
        return account_tables.positions_table(self.home, self.name).set_index("symbol")

    @property
    def decisions(self) -> pd.DataFrame:
        """Return what was decided, a row per day and symbol."""
        return dated(account_tables.decisions_table(self.home, self.name))

    @property
    def orders(self) -> pd.DataFrame:
        """Return the orders by the day that decided them, in their present state."""
        return dated(account_tables.orders_table(self.home, self.name))

    def explain(self, order: str) -> Explanation:
        """Return how an order came about, by its id or the beginning of it. Raises RequestRefused unless it is one."""
        with in_terms_of_python():
            return Explanation(answer=run_explain({"home": self.home}, order, self.name))

    def plot(self) -> Picture:
        """Return the picture of the equity and its drawdown since the account opened.

        With deposits or withdrawals it is the unit value, which is free of them (time-weighted); the title says so.
        Raises ValueError for an account without a settled day.
        """
        table = account_tables.equity_table(self.home, self.name)
        dates: list[date] = table["as_of"].tolist()
        flowed = WITHOUT_FLOWS if (table["equity"] != table["unit_value"]).any() else ""
        picture = EquityPicture(
            title=f"Equity of the account {self.name}{flowed}",
            dates=tuple(dates),
            lines=(Line(label=self.name, values=tuple(table["unit_value"].tolist())),),
            drawdown=tuple(table["drawdown"].tolist()),
        )
        return Picture(svg=equity_picture(picture))

    def __repr__(self) -> str:
        return f"Account({self.name!r}, home={str(self.home)!r})"

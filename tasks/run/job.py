"""One day's work, fixed in `flows` and passed to every task: keys, paths and numbers, never connections or frames."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from storage.models.panels import Panel
from strategy.account.fees_and_slippage import Costs, on_stated_terms
from strategy.account.trading_terms import TradingTerms
from strategy.market.instruments import Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy
from strategy.training.recipe import TrainingConfig

#: The broker without state of its own: the ledger is its record.
PAPER = "paper"
#: The spot broker: no leverage, no shorts.
SPOT = "testnet-spot"
#: The futures broker: positions are on margin, and pay or receive funding.
FUTURES = "testnet-futures"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """The rules by which an account is run, independent of its symbols."""

    strategy: Strategy
    sizing: SizingParams
    limits: RiskLimits
    costs: Costs
    recipe: TrainingConfig
    capital: Decimal
    config: str
    """Canonical JSON of the settings behind all of these."""

    def account_config(
        self, account: str, symbols: tuple[str, ...], instruments: Mapping[str, Instrument]
    ) -> AccountConfig:
        """Return the configuration of an account on these symbols.

        The instruments may include more symbols, for positions held besides. Raises UsageError for a fee per share on
        fractions of one.
        """
        stated = self.costs.instruments
        traded = {symbol: on_stated_terms(instrument, stated) for symbol, instrument in instruments.items()}
        terms = TradingTerms(account=account, instruments=traded, costs=self.costs)
        return AccountConfig(
            strategy=self.strategy,
            symbols=symbols,
            sizing=self.sizing,
            limits=self.limits,
            terms=terms,
            capital=self.capital,
        )


class Customer(Protocol):
    """An account at a broker, seen at the instant `now`: all that is needed to query its orders there."""

    @property
    def home(self) -> Path:
        """Return the folder of its ledger."""
        ...

    @property
    def account(self) -> str:
        """Return its name in the ledger."""
        ...

    @property
    def broker(self) -> str:
        """Return the broker of its orders."""
        ...

    @property
    def now(self) -> datetime:
        """Return the fixed instant of the run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCustomer:
    """An account at its broker at the instant `now`, without a day to run: it queries orders and sends none."""

    home: Path
    account: str
    broker: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run for the day `as_of`: `now` is the fixed instant, `symbols` are sorted, `source` is its key in the store.

    `sends_until` is the instant after which no order may be sent any more; None for a replay, which is never late.
    `broker` names the broker of the orders. `models_of` is the account that keeps its models to itself, as a backfill
    does; empty: all runs on the source share them.
    """

    home: Path
    run_id: str
    account: str
    source: str
    symbols: tuple[str, ...]
    as_of: date
    now: datetime
    sends_until: datetime | None
    code_version: str
    policy: RunConfig
    broker: str = PAPER
    models_of: str = ""
    currency: str = ""
    """The currency of its symbols' prices; empty if it is unknown."""
    calendars: tuple[str, ...] = ()
    """What a person named: `SYMBOL CALENDAR` of each symbol that has one."""
    terms: str = ""
    """The terms that the account is to keep from its first unsettled day on, as canonical JSON; empty: none."""
    funding: str = ""
    """The file of the funding of its perpetual futures, `file:PATH`; empty: it comes with the bars."""
    besides: tuple[str, ...] = ()
    """What an account that is flattened holds besides `symbols`: it is closed too, so that its bars are fetched."""

    @property
    def in_data(self) -> "Job":
        """Return the job of the steps that fetch and judge bars, `besides` included."""
        return (
            replace(self, symbols=tuple(sorted({*self.symbols, *self.besides})), besides=()) if self.besides else self
        )

    @property
    def panel(self) -> Panel:
        """Return what its models decide for."""
        strategy = self.policy.strategy
        return Panel(
            source=self.registry,
            symbols=self.symbols,
            strategy=strategy.name,
            strategy_sha256=strategy.version or None,
        )

    @property
    def registry(self) -> str:
        """Return the key of its models in the store, which keeps a backfill's models out of daily runs."""
        return f"{self.source}#{self.models_of}" if self.models_of else self.source

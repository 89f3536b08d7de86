"""One day's work, decided in `flows` and handed to every task: keys, paths and numbers, never connections or frames."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from strategy.account.settlement import Costs, TradingTerms
from strategy.market.instruments import Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.risk import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import Strategy

#: The broker that holds no state of its own: the ledger is its book.
PAPER = "paper"
#: The broker whose users hold what they have paid for: no leverage, no shorts.
SPOT = "testnet-spot"
#: The broker whose positions are on margin, and pay or receive funding.
FUTURES = "testnet-futures"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How the networks are shaped and trained, and for how long a model may trade (bars are account days).

    A model that is younger than `cold_start_every_bars`, counted from its cold start, is trained on for `warm_steps`.
    `twins` counts the synthetic panels that a training draws from, 0 for none.
    """

    dimensions: int
    heads: int
    layers: int
    context_bars: int
    members: int
    steps: int
    warm_steps: int
    validation_share: float
    twins: int
    seed: int
    threads: int
    device: str
    retrain_every_bars: int
    cold_start_every_bars: int
    model_max_age_bars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """The rules an account is run by, whatever its symbols."""

    strategy: Strategy
    sizing: SizingParams
    limits: RiskLimits
    costs: Costs
    recipe: TrainingConfig
    capital: Decimal
    config: str
    """Canonical JSON of the settings behind all of these."""

    def mandate(self, account: str, symbols: tuple[str, ...], instruments: Mapping[str, Instrument]) -> AccountConfig:
        """The mandate of an account on these symbols; instruments may name more, for what is held besides."""
        terms = TradingTerms(account=account, instruments=instruments, costs=self.costs)
        return AccountConfig(
            strategy=self.strategy, symbols=symbols, sizing=self.sizing, limits=self.limits, terms=terms
        )


class Customer(Protocol):
    """An account at a broker, seen at the instant `now`: all that must be known to ask for its orders there."""

    @property
    def home(self) -> Path:
        """Where its ledger lies."""
        ...

    @property
    def account(self) -> str:
        """Its name in the ledger."""
        ...

    @property
    def broker(self) -> str:
        """Where its orders go."""
        ...

    @property
    def now(self) -> datetime:
        """The decided instant."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run for the day `as_of`: `now` is the decided instant, `symbols` are sorted, `source` is its key in the store.

    `sends_until` is the instant after which no order may be sent any more; None for a replay, which is never late.
    `broker` names where the orders go. `models_of` is the account that keeps its models to itself, as a backfill does;
    empty: the source's runs share them.
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
    calendars: tuple[str, ...] = ()
    """What a person named: `SYMBOL CALENDAR` of each symbol that has one."""

    @property
    def registry(self) -> str:
        """The key of its models in the store: what a backfill trains and promotes never trades for a daily run."""
        return f"{self.source}#{self.models_of}" if self.models_of else self.source

"""What is known of an account's decisions before the account is: statuses and exposures, for many days at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from strategy.account.state import Snapshot
from strategy.market.bars import FloatArray
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, in_base_currency
from strategy.portfolio.availability import STALE_REASON, availability
from strategy.portfolio.decision import ORDERED, SIZED, Decision, LaterPass, PreTradeView, Status, decided
from strategy.portfolio.estimates import Estimates, estimates, portfolio_sizing
from strategy.portfolio.sleeves import SleeveWish, sleeved_book
from strategy.signals.outlook import warm_up_bars


def decide(
    view: AlignedSignals,
    snapshot: Snapshot,
    config: AccountConfig,
    held_back: Mapping[str, str] | None = None,
    later: LaterPass | None = None,
) -> tuple[Decision, ...]:
    """Return the decision for every symbol at the close of the snapshot's day, from rows dated that day or earlier.

    `held_back` maps symbols that must not trade today to the reason. A symbol whose status is not in ORDERED keeps its
    position and its open order; it still has a risk budget unless it is stale, delisted or warming up. A `later` pass
    of the day sizes all symbols by the same rule and decides its own, in the room that those ordered before leave.
    """
    (seen,) = pretrade_views(view, [snapshot.account.as_of], config, held_back)
    decisions = decided(seen.in_pass(later, config.symbols), snapshot, config)
    return decisions if later is None else tuple(each for each in decisions if each.symbol in later.symbols)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A status, and the words of its reason, in which age, day and what is said of a symbol held back stand."""

    status: Status
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreTradeDays:
    """The part of the decisions of T days and S symbols that does not depend on the account; see `PreTradeView`.

    `causes` (T, S) index `known_causes`, and `told` says why symbols are held back. `exposures`, `ordered` and
    `outside` are (T, S), `floor` is (S,), and `whole` tells of each day whether all symbols get an order.
    """

    dates: Sequence[date]
    known: Estimates
    causes: NDArray[np.intp]
    known_causes: tuple[Cause, ...]
    told: Sequence[str]
    exposures: FloatArray
    ordered: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    whole: Sequence[bool]
    floor: FloatArray
    wishes: Sequence[tuple[tuple[SleeveWish, ...], ...]]

    def view(self, row: int) -> PreTradeView:
        """Return the view of one of the days."""
        known = self.known
        numbers = (known.age_days, known.signal, known.regime, known.confidence, known.volatility)
        return PreTradeView(
            as_of=self.dates[row],
            rows=tuple(zip(*(number[row].tolist() for number in numbers), strict=True)),
            statuses=self._statuses(row),
            ordered=self.ordered[row],
            whole=self.whole[row],
            outside=self.outside[row],
            exposures=self.exposures[row],
            floor=self.floor,
            sleeves=self.wishes[row],
        )

    @property
    def any_traded(self) -> bool:
        """Return whether any symbol is TRADED on any of the days."""
        return bool(np.any([self.known_causes[code].status is Status.TRADED for code in np.unique(self.causes)]))

    def _statuses(self, row: int) -> tuple[tuple[Status, str], ...]:
        """Return each symbol's status on the day, and the reason if it may not trade."""
        day, found = self.dates[row], [self.known_causes[code] for code in self.causes[row].tolist()]
        return tuple(
            (cause.status, cause.reason.format(held_back=text, age=age, day=day) if cause.reason else "")
            for cause, age, text in zip(found, self.known.age_days[row].tolist(), self.told, strict=True)
        )


def pretrade_views(
    view: AlignedSignals, dates: Sequence[date], config: AccountConfig, held_back: Mapping[str, str] | None = None
) -> tuple[PreTradeView, ...]:
    """Return the part of `decide` that does not depend on the account, for many dates at once.

    A date gives the same bits alone as among others.
    """
    days = pretrade_days(view, dates, config, held_back)
    return tuple(map(days.view, range(len(dates))))


def pretrade_days(
    view: AlignedSignals, dates: Sequence[date], config: AccountConfig, held_back: Mapping[str, str] | None = None
) -> PreTradeDays:
    """Return what `pretrade_views` gives, the views to be built one by one."""
    view = in_base_currency(view, config)
    known = estimates(view, dates, config.estimator)
    causes, known_causes = _causes(known, config, held_back or {})
    sized, ordered, outside = (
        np.array([cause.status in wanted for cause in known_causes])[causes]
        for wanted in (SIZED, ORDERED, {Status.OUTSIDE})
    )
    wishes: Sequence[tuple[tuple[SleeveWish, ...], ...]] = [()] * len(dates)
    if config.strategy.sleeves:
        book = sleeved_book(known, sized, view, config)
        exposures, wishes = book.exposures, book.wishes(config.strategy)
        known = replace(known, signal=book.signal)
    else:
        exposures = portfolio_sizing(known, sized, view, config).exposures(config.sizing)
    return PreTradeDays(
        dates=dates,
        known=known,
        causes=causes,
        known_causes=known_causes,
        told=[(held_back or {}).get(symbol, "") for symbol in config.symbols],
        exposures=exposures,
        ordered=ordered,
        outside=outside,
        whole=np.all(ordered, axis=1).tolist(),
        floor=np.array([-np.inf if config.terms.instruments[symbol].shortable else 0.0 for symbol in config.symbols]),
        wishes=wishes,
    )


def _causes(
    known: Estimates, config: AccountConfig, held_back: Mapping[str, str]
) -> tuple[NDArray[np.intp], tuple[Cause, ...]]:
    """Return the cause of each symbol's status on each date, (T, S), and the causes that there are."""
    why = availability(known, config)
    held = np.broadcast_to([symbol in held_back for symbol in config.symbols], why.unborn.shape)
    # A symbol that is held back permanently must lose its risk budget: stale comes first.
    causes = [
        (why.unborn & held, Status.QUARANTINED, "{held_back}"),
        (why.unborn, Status.WARMING_UP, "no bar yet"),
        (why.delisted, Status.DELISTED, "delisted"),
        (why.stale, Status.STALE, STALE_REASON),
        (held, Status.QUARANTINED, "{held_back}"),
        (why.outside, Status.OUTSIDE, "not in the universe on {day}"),
        (why.warming_up, Status.WARMING_UP, f"fewer than {warm_up_bars(config.strategy)} bars"),
        (why.closed, Status.NO_SESSION, "no session on {day}"),
        (np.ones_like(held), Status.TRADED, ""),
    ]
    first = np.argmax([mask for mask, _, _ in causes], axis=0)
    return first, tuple(Cause(status=status, reason=reason) for _, status, reason in causes)

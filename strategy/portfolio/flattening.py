"""Flattening: every position of an account has a target of 0, whatever the strategy, the band and the limits say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from strategy.account.state import Account
from strategy.portfolio.decision import Decision, Status
from strategy.portfolio.rebalancing import Rebalance

#: Reason texts of the decisions of a flattened account, of symbols that the run trades, and of others that it holds.
FLATTENED = "the account is flattened: its position is closed"
BESIDE = "the account is flattened: its position is closed, though this run does not trade the symbol"


def flattened(decisions: Sequence[Decision], account: Account, unsold: Mapping[str, str]) -> tuple[Decision, ...]:
    """Return the decisions of a day on which the account is flattened, sorted by symbol.

    Symbols that are held but not among the decisions are added. `unsold` maps the symbols that cannot be sold today to
    the reason: they keep their positions. Every decision has the code FLATTEN, with an exposure of 0, or None if the
    position is kept; a reason that a decision has already stays, as the symbol's status is due to it.
    """
    decided = {decision.symbol for decision in decisions}
    beside = [
        Decision(as_of=account.as_of, symbol=symbol, status=Status.BESIDE, reason=BESIDE)
        for symbol in account.positions
        if symbol not in decided
    ]
    return tuple(
        replace(
            decision,
            exposure=None if decision.symbol in unsold else 0.0,
            rebalance=Rebalance.FLATTEN,
            reason=unsold.get(decision.symbol) or decision.reason or FLATTENED,
            sleeves=tuple(replace(wish, exposure=0.0) for wish in decision.sleeves),
        )
        for decision in sorted((*decisions, *beside), key=lambda decision: decision.symbol)
    )


def is_flattened(decisions: Sequence[Decision]) -> bool:
    """Return whether the day's decisions are those of an account that is flattened."""
    return any(decision.rebalance is Rebalance.FLATTEN for decision in decisions)


def unsold(decisions: Sequence[Decision]) -> dict[str, str]:
    """Return the symbols that a flattening could not sell on the day, with the reason."""
    return {
        decision.symbol: decision.reason
        for decision in decisions
        if decision.rebalance is Rebalance.FLATTEN and decision.exposure is None
    }


def traded_symbols(decisions: Sequence[Decision]) -> tuple[str, ...]:
    """Return the symbols of the run that decided, in order: without those that it only flattened."""
    return tuple(decision.symbol for decision in decisions if decision.status is not Status.BESIDE)

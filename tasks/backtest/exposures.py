"""Target exposures and regimes of a backtested account, day by day."""

from collections import Counter
from datetime import date

from strategy.portfolio.decision import Decision, Status
from strategy.signals.regime import Regime
from tasks.backtest.run import Backtest, Tested


def exposures(tested: Tested, symbol: str) -> list[float]:
    """Return the exposure decided at each day's close; on a day without a session, the last one decided before.

    Where nothing is decided (warming up, stale, bought once and kept) it is the exposure held.
    """
    decided = decisions(tested)
    aimed: list[float] = []
    for snapshot in tested.replay.snapshots:
        decision = decided[snapshot.account.as_of, symbol]
        if decision.exposure is not None:
            aimed.append(decision.exposure)
        elif decision.status is Status.NO_SESSION and aimed:
            aimed.append(aimed[-1])
        else:
            aimed.append(snapshot.exposure(symbol))
    return aimed


def decisions(tested: Tested) -> dict[tuple[date, str], Decision]:
    """Return the decisions by day and symbol."""
    return {(decision.as_of, decision.symbol): decision for decision in tested.replay.decisions}


def regimes(tested: Backtest) -> list[str]:
    """Return the regime of each account day: that of most symbols; Neutral on a tie or where none is known."""
    votes: dict[date, Counter[str]] = {day: Counter() for day in tested.dates}
    for decision in tested.net.replay.decisions:
        if decision.regime is not None:
            votes[decision.as_of][decision.regime] += 1
    return [_winner(votes[day]) for day in tested.dates]


def _winner(votes: Counter[str]) -> str:
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return str(Regime.NEUTRAL)
    return ranked[0][0]

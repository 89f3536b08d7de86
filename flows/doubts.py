"""The doubt about a backtest in words."""

from collections.abc import Mapping
from typing import Any


def doubts(found: Mapping[str, Any] | None) -> list[str]:
    """Lines on how sure the net Sharpe ratio is, how long it takes to be sure, and how it compares.

    `found` is the `significance` of a backtest's answer.
    """
    if found is None:
        return ["The account moves on too few days to say how sure its Sharpe ratio is."]
    sure = f"the chance that it is above 0 is {_chance(found['probabilistic_sharpe'])}"
    if found["trials"] is not None and found["trials"] > 1:
        sure += (
            f", that it is above what luck gives the best of {found['trials']} trials ({found['luckiest_sharpe']:.2f}) "
            f"{_chance(found['deflated_sharpe'])}"
        )
    lines = [f"Net Sharpe {found['sharpe']:.2f} (95% between {found['low']:.2f} and {found['high']:.2f}); {sure}."]
    if found["min_track_record_bars"] is not None:
        lines.append(
            f"It takes {found['min_track_record_bars']:,} days of such returns to be 95% sure that it is above 0; "
            f"these are {found['bars']:,}."
        )
    for name, one in found["against"].items():
        lines.append(
            f"{name} moves on too few days to be compared with it."
            if one is None
            else f"Its difference from {name} is {one['difference']:.2f} (95% between {one['low']:.2f} and "
            f"{one['high']:.2f}); luck alone gives as much in {_chance(one['p'])} of cases."
        )
    return lines


def _chance(value: float) -> str:
    """A probability in percent, never told as certain."""
    return "over 99%" if value > 0.99 else "under 1%" if value < 0.01 else f"{value:.0%}"

"""Robustness of a backtest in words."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.backtest.answer import SignificanceAnswer


def doubts(found: "SignificanceAnswer | None") -> list[str]:
    """Return lines on the confidence in the net Sharpe ratio, the track record needed, and the benchmarks.

    `found` is the `significance` of a backtest's answer.
    """
    if found is None:
        return ["Too few days with a change in equity: no confidence interval for the Sharpe ratio."]
    sure = f"probability that it is above 0: {_chance(found.probabilistic_sharpe)}"
    if found.trials > 1:
        sure += (
            f"; that it is above {found.luckiest_sharpe:.2f}, the best of {found.trials} trials without skill, "
            f"{_chance(found.deflated_sharpe)}"
        )
    lines = [f"Net Sharpe {found.sharpe:.2f} (95% interval {found.low:.2f} to {found.high:.2f}); {sure}."]
    if found.min_track_record_bars is not None:
        from tasks.report.robustness_text import record_length

        length = record_length(found.min_track_record_bars)
        lines.append(
            f"Minimum track record for 95% confidence that it is above 0: {length}; this one has {found.bars:,}"
            f"{' days' if length.endswith('years') else ''}."
        )
    for name, one in found.against.items():
        lines.append(
            f"Not compared with {name}, which moves on too few days."
            if one is None
            else f"Difference in Sharpe from {name}: {one.difference:.2f} (95% interval {one.low:.2f} to "
            f"{one.high:.2f}), p {_p(one.p)}."
        )
    return lines


def _p(value: float) -> str:
    return "< 0.01" if value < 0.01 else f"= {value:.2f}"


def _chance(value: float) -> str:
    """Return a probability in percent, never shown as certain."""
    return "over 99%" if value > 0.99 else "under 1%" if value < 0.01 else f"{value:.0%}"

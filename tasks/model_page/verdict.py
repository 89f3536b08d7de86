"""The gate's verdict drawn: how much better the challenger was, with its interval, and what was asked of it."""

from strategy.training.promotion_gate import PRIOR, Criterion, Judged, Verdict
from tasks.report.markup import ABSENT, Table, figure
from tasks.report.plots import Canvas, below_axis, drawing, hit_area, interval_mark, key, telling
from tasks.report.scales import Scale, padded, value_ticks

WIDE = Canvas(width_px=960, height_px=150, left_px=24)
NARROW = Canvas(width_px=400, height_px=170, left_px=14, right_px=14)
#: Half the height of the ends of an interval.
END_PX = 7.0
_ASKED = {
    Criterion.DAYS: "Days of validation, at least",
    Criterion.COMPARABLE: "Net returns of both that move enough to compare",
    Criterion.BETTER: "Net Sharpe ratio above the prior's by more than",
    Criterion.SIGNIFICANT: "Chance of luck alone, deflated by the trials, below",
    Criterion.NOT_WORSE: "Net Sharpe ratio beside the champion's, at least",
    Criterion.ABOVE_PRIOR: "Net Sharpe ratio, at least the prior's less the margin",
}


def named(rival: str) -> str:
    """Return the rival of a verdict in words.

    >>> named("prior"), named("0123456789abcdef")
    ('the prior', 'the champion 0123456789ab')
    """
    return "the prior" if rival == PRIOR else f"the champion {rival[:12]}"


def verdict_picture(verdict: Verdict, canvas: Canvas = WIDE) -> str:
    """Return the difference of the net Sharpe ratios with its interval and its threshold as SVG; empty without one."""
    found = verdict.figures
    if found.difference is None or found.low is None or found.high is None:
        return ""
    limit = 0.0 if found.margin is None else -found.margin
    asked = "more than" if found.margin is None else "at least"
    mark = '<line class="td-level" x1="0" x2="14" y1="-4" y2="-4"/>'
    title = f"Net Sharpe ratio minus the {'prior' if verdict.rival == PRIOR else 'champion'}'s"
    entries = [
        (interval_mark(), f"difference {figure(found.difference)}, 95 % interval {_interval(found.low, found.high)}"),
        (mark, f"asked for: {asked} {figure(limit)}"),
    ]
    head, top_px = key(title, entries, canvas)
    floor_px = canvas.height_px - 26.0
    middle_px = (top_px + floor_px) / 2
    low, high = padded([found.low, found.high, limit, 0.0], 0.08)
    x = Scale(low=low, high=high, start_px=canvas.left_px, stop_px=canvas.plot_right_px)
    ticks = [(x(value), text) for value, text in value_ticks(low, high, max(2, canvas.width_px // 110))]
    at_px = x(limit)
    parts = [
        head,
        below_axis(ticks, (top_px, floor_px), canvas),
        telling(
            title,
            _figures(verdict),
            whisker((x(found.low), x(found.high)), middle_px, END_PX)
            + f'<circle class="td-dot td-dot-0 td-mark" cx="{x(found.difference):.1f}" cy="{middle_px:.1f}" r="6"/>',
            hit_area((x(found.low), x(found.high)), (middle_px - 12, middle_px + 12)),
        ),
        telling(
            "Asked for",
            ((asked, figure(limit)),),
            f'<line class="td-level td-mark" x1="{at_px:.1f}" x2="{at_px:.1f}" y1="{top_px:.1f}" y2="{floor_px:.1f}"/>',
            hit_area((at_px - 4, at_px + 4), (top_px, floor_px)),
        ),
    ]
    return drawing(title, canvas, parts)


def _figures(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """Return what is told of the difference."""
    found = verdict.figures
    low, high = found.low, found.high
    interval = ABSENT if low is None or high is None else _interval(low, high)
    return (
        ("Difference", figure(found.difference)),
        ("95 % interval", interval),
        ("Net Sharpe ratio", figure(found.sharpe)),
        (f"That of {named(verdict.rival)}", figure(found.rival_sharpe)),
        ("p, deflated by the trials", ABSENT if found.p_deflated is None else f"{found.p_deflated:.4f}"),
    )


def whisker(columns_px: tuple[float, float], at_px: float, end_px: float) -> str:
    """Return a horizontal interval with a stroke at each end."""
    left_px, right_px = columns_px
    top_px, bottom_px = at_px - end_px, at_px + end_px
    return (
        f'<path class="td-line td-0" d="M{left_px:.1f} {at_px:.1f}L{right_px:.1f} {at_px:.1f}'
        f"M{left_px:.1f} {top_px:.1f}L{left_px:.1f} {bottom_px:.1f}"
        f'M{right_px:.1f} {top_px:.1f}L{right_px:.1f} {bottom_px:.1f}"/>'
    )


def criteria_table(judged: tuple[Judged, ...]) -> Table:
    """Return what the gate asked for, what it found, and whether that was enough."""
    columns = ("Asked for", "Limit", "Found", "Met")
    met = {True: ("yes", "good"), False: ("no", "bad"), None: ("not looked at", "")}
    return Table(
        heading="What the gate asks for, all of it",
        columns=columns,
        numbers=frozenset(columns[1:]),
        rows=tuple(
            (_ASKED[one.criterion], _told(one, one.limit), _told(one, one.value), met[one.passed][0]) for one in judged
        ),
        tones=tuple(("", "", "", met[one.passed][1]) for one in judged),
    )


def _told(one: Judged, value: float | None) -> str:
    if value is None:
        return ABSENT
    if one.criterion is Criterion.DAYS:
        return f"{value:,.0f}"
    return f"{value:.4f}" if one.criterion is Criterion.SIGNIFICANT else figure(value)


def _interval(low: float, high: float) -> str:
    return f"{figure(low)} to {figure(high)}"

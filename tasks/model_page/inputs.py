"""The importance of a model's inputs, as a picture and as a table."""

from dataclasses import replace
from html import escape

from strategy.training.trainer import Importance, InputImportance
from tasks.model_page.verdict import whisker
from tasks.report.markup import Table, signed
from tasks.report.plots import Canvas, bar, below_axis, block_mark, drawing, hit_area, interval_mark, key, telling
from tasks.report.scales import Scale, padded, value_ticks

WIDE = Canvas(width_px=960, height_px=0, left_px=200)
NARROW = Canvas(width_px=400, height_px=0, left_px=172, right_px=10)
#: The height of an input.
ROW_PX = 22
TITLE = "Sharpe ratio lost without each input"


def inputs_picture(found: Importance, canvas: Canvas = WIDE) -> str:
    """Return a bar for each input as SVG, with a whisker of one standard deviation between the repeats each way."""
    spread = f"± one standard deviation of {found.repeats} shuffles"
    entries = [(block_mark("td-bar"), "lost without it"), (interval_mark(), spread)]
    head, top_px = key(TITLE, entries, replace(canvas, left_px=14))
    floor_px = top_px + ROW_PX * len(found.inputs) + 6
    whole = replace(canvas, height_px=round(floor_px + 26))
    reached = [one.lost + sign * one.spread for one in found.inputs for sign in (-1, 1)]
    low, high = padded([0.0, *reached], 0.04)
    x = Scale(low=low, high=high, start_px=whole.left_px, stop_px=whole.plot_right_px)
    ticks = [(x(value), text) for value, text in value_ticks(low, high, max(2, whole.width_px // 130))]
    rows = [
        _row(one, found.repeats, (x, top_px + 3 + ROW_PX * (row + 0.5)), whole) for row, one in enumerate(found.inputs)
    ]
    at_px = x(0.0)
    axis = f'<line class="td-axis" x1="{at_px:.1f}" x2="{at_px:.1f}" y1="{top_px:.1f}" y2="{floor_px:.1f}"/>'
    return drawing(TITLE, whole, [head, below_axis(ticks, (top_px, floor_px), whole), *rows, axis])


def _row(one: InputImportance, repeats: int, place: tuple[Scale, float], canvas: Canvas) -> str:
    x, at_px = place
    columns_px = (min(x(0.0), x(one.lost)), max(x(0.0), x(one.lost)))
    figures = (
        ("Sharpe ratio lost", signed(one.lost)),
        (f"Spread of {repeats}", signed(one.spread).lstrip("+")),
        ("Signal moved by", f"{one.moved:.4f}"),
    )
    label = (
        f'<text class="td-text" x="{canvas.left_px - 10}" y="{at_px + 4:.1f}" text-anchor="end">'
        f"{escape(one.name)}</text>"
    )
    drawn = bar("td-bar td-mark", columns_px, (at_px - 7, at_px + 7))
    spread = whisker((x(one.lost - one.spread), x(one.lost + one.spread)), at_px, 4.0)
    hit = hit_area((4.0, canvas.plot_right_px), (at_px - ROW_PX / 2, at_px + ROW_PX / 2))
    return telling(one.name, figures, f"{label}{drawn}{spread}", hit)


def inputs_table(found: Importance) -> Table:
    """Return the importance of each input in numbers."""
    columns = ("Input", "Sharpe ratio lost", f"Spread of {found.repeats}", "Signal moved by")
    return Table(
        heading="Importance of the inputs",
        columns=columns,
        numbers=frozenset(columns[1:]),
        rows=tuple(
            (one.name, signed(one.lost), signed(one.spread).lstrip("+"), f"{one.moved:.4f}") for one in found.inputs
        ),
    )


def method(found: Importance) -> str:
    """Return how the importance was measured."""
    return (
        f"By permutation, on the gate's dates alone: each input, a symbol's own together with the market's mean of it, "
        f"is shuffled {found.repeats} times in whole blocks of {found.block_rows} bars, with the model's seed, and the "
        f"account is traded again. With all inputs in place its Sharpe ratio is {found.sharpe:.2f}. An input that "
        "others can stand in for loses little, and a loss below its spread may be luck; a loss below 0 means that the "
        "model did better without it on these dates. The whiskers are one standard deviation of the shuffles each way."
    )

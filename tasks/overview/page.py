"""The page of all accounts: one self-contained HTML file without scripts, whose links lead to other pages."""

from dataclasses import dataclass
from datetime import UTC, datetime

from storage.models.saved_backtests import SavedBacktest
from storage.models.saved_pages import PageKind, SavedPage
from tasks.digest.facts import Equity
from tasks.overview.facts import AccountFacts, ModelFacts, Overview, Standing
from tasks.overview.sparkline import sparkline
from tasks.report import small_numbers
from tasks.report.backtest_tables import a_year
from tasks.report.markup import ABSENT, figure, minus, money, render, share
from tasks.report.scales import signed_percent

#: Positions and symbols that are named before the rest is counted.
NAMED = 6
#: Standings to look at, and those that may end by themselves; all others are well.
_BAD = frozenset({Standing.FAILED, Standing.HALTED, Standing.INCOMPLETE})
_OPEN = frozenset({Standing.WAITING, Standing.RUNNING, Standing.EMPTY})
_STATES = {
    Standing.DONE: "done",
    Standing.WAITING: "waiting for bars",
    Standing.INCOMPLETE: "incomplete",
    Standing.HALTED: "halted",
    Standing.FAILED: "failed",
    Standing.RUNNING: "running",
    Standing.FILLED: "backfilled",
    Standing.EMPTY: "no day yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link: its text and its address."""

    text: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An account as the page shows it; `tone` and `moved` name styles, `spark` is our own SVG."""

    name: str
    what: str
    standing: str
    tone: str
    equity: str
    change: str
    moved: str
    spark: str
    facts: tuple[tuple[str, str], ...]
    concerns: tuple[str, ...]
    links: tuple[Link, ...]


def overview_page(seen: Overview) -> str:
    """Return the page of all accounts as one HTML document."""
    cards = [(each.live, _card(each, seen)) for each in seen.accounts]
    values = {
        "told": _written(seen),
        "concerns": seen.concerns,
        "count": sum(len(each.concerns) for each in seen.accounts) + len(seen.concerns),
        "live": [card for live, card in cards if live],
        "past": [card for live, card in cards if not live],
        "backtests": [(_saved(each, seen), _figures(each)) for each in seen.backtests],
        "pages": [(_page(each, seen), _told(each)) for each in seen.pages],
        "models": [(_model(each), f"of bars up to {each.trained_to}: {each.state}") for each in seen.models],
    }
    return render("overview_page.html.j2", values)


def _written(seen: Overview) -> str:
    """Return when the page was written, and until when it is the newest word."""
    starts = [each.next_run for each in seen.accounts if each.next_run]
    then = (
        f"The next one is due {_instant(min(starts))}; a page older than that means that nothing has run."
        if starts
        else ""
    )
    return f"Written {_instant(seen.now)}, and again by each run. {then}".strip()


def _card(known: AccountFacts, seen: Overview) -> Card:
    equity = known.equity
    change, moved = _change(equity)
    day = f"{known.day:%a} {known.day}: " if known.day else ""
    return Card(
        name=known.account,
        what=_what(known),
        standing=f"{day}{_STATES[known.standing]}",
        tone="bad" if known.standing in _BAD else "open" if known.standing in _OPEN else "well",
        equity=money(equity.value) if equity else ABSENT,
        change=change,
        moved=moved,
        spark=sparkline(equity.curve) if equity else "",
        facts=_facts(known, seen),
        concerns=known.concerns,
        links=_links(known, seen),
    )


def _what(known: AccountFacts) -> str:
    """Return what the account trades, and where."""
    where = "on paper" if known.broker == "paper" else f"at {known.broker}"
    if known.strategy is None:
        return f"nothing decided yet, {where}"
    return f"{known.strategy} on {_some(known.symbols)} of {known.source}, {where}"


def _change(equity: Equity | None) -> tuple[str, str]:
    """Return the change on the last settled day, with the style of its sign."""
    if equity is None:
        return "", ""
    if equity.gain is None:
        return f"first day, {equity.day}", ""
    gained = f"{'+' if equity.gain > 0 else ''}{money(equity.gain)}"
    if not gained.strip("+−0.,"):
        return f"unchanged on {equity.day}", ""
    percent = "" if equity.change is None else f" ({_percent(equity.change)})"
    return f"{gained}{percent} on {equity.day}", "good" if equity.gain > 0 else "bad"


def _percent(fraction: float) -> str:
    """Return a change of one day, which is often below a tenth of a percent.

    >>> _percent(0.0042), _percent(-0.000012)
    ('+0.42%', '−0.0012%')
    """
    return minus(small_numbers.change(fraction, 2))


def _facts(known: AccountFacts, seen: Overview) -> tuple[tuple[str, str], ...]:
    """Return the account's positions, its drawdown, its course and its next run; no schedule where none is known."""
    held = [f"{symbol} {_exposure(value)}" for symbol, value in known.exposures]
    curve = known.equity.curve if known.equity else ()
    facts = [("Positions over equity", _some(held) if held else "none")] if known.equity else []
    if len(curve) > 1 and curve[0] > 0:
        facts.append((f"Last {len(curve)} days", signed_percent(curve[-1] / curve[0] - 1)))
    if known.equity:
        facts.append(("Drawdown now", share(known.equity.drawdown) if known.equity.drawdown else "at its peak"))
    if known.live or known.next_run:
        unknown = "none is scheduled" if seen.scheduled else "not known: no server was asked"
        facts.append(("Next run", _instant(known.next_run) if known.next_run else unknown))
    return tuple(facts)


def _exposure(value: float) -> str:
    """Return a signed fraction of the equity.

    >>> _exposure(0.4567), _exposure(-0.001)
    ('45.7%', '−0.1%')
    """
    return share(value)


def _links(known: AccountFacts, seen: Overview) -> tuple[Link, ...]:
    links = []
    if known.page:
        day = known.page.rpartition("/")[2].removesuffix(".html")
        links.append(Link(text=f"Report of {day}", address=known.page))
    return (*links, *(_saved(each, seen) for each in known.backtests[:2]))


def _model(model: ModelFacts) -> Link:
    return Link(text=f"Model {model.model_id[:12]} of {model.strategy} on {_some(model.symbols)}", address=model.page)


def _saved(saved: SavedBacktest, seen: Overview) -> Link:
    symbols = _some(saved.symbols)
    text = f"Backtest of {saved.strategy} on {symbols}, {saved.first_day} to {saved.last_day}"
    return Link(text=text, address=seen.addresses[saved.report])


def _figures(saved: SavedBacktest) -> str:
    """Return what a saved backtest shows in short, and where it lies."""
    return (
        f"net return {share(saved.total_return)}, Sharpe ratio {_ratio(saved)}; saved {_instant(saved.saved_at)} as "
        f"{saved.report}"
    )


def _page(saved: SavedPage, seen: Overview) -> Link:
    """Return the link of a saved comparison or sweep."""
    what = "Comparison of" if saved.kind is PageKind.COMPARISON else f"Sweep of {saved.items:,} points on"
    text = f"{what} {_some(saved.names)}, {saved.first_day} to {saved.last_day}"
    return Link(text=text, address=seen.addresses[saved.page])


def _told(saved: SavedPage) -> str:
    """Return what a saved comparison or sweep shows in short, and where it lies."""
    luck = "" if saved.deflated is None else f", more than luck with probability {share(saved.deflated)}"
    return f"best Sharpe ratio {_ratio(saved)}{luck}; saved {_instant(saved.saved_at)} as {saved.page}"


def _ratio(saved: SavedBacktest | SavedPage) -> str:
    """Return the Sharpe ratio, unless the dates alone tell that there are too few account days to annualise."""
    return a_year(figure(saved.sharpe), (saved.last_day - saved.first_day).days + 1)


def _some(items: tuple[str, ...] | list[str]) -> str:
    """Return the items in one line, the rest counted.

    >>> _some(["A", "B"]), _some([*"ABCDEFGH"])
    ('A, B', 'A, B, C, D, E, and 3 more')
    """
    if len(items) <= NAMED:
        return ", ".join(items)
    return f"{', '.join(items[: NAMED - 1])}, and {len(items) - NAMED + 1} more"


def _instant(instant: datetime) -> str:
    """Return an instant in UTC, with its weekday.

    >>> _instant(datetime(2020, 6, 15, 20, 30, tzinfo=UTC))
    'Mon 2020-06-15 20:30 UTC'
    """
    return f"{instant.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"

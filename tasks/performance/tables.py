"""Attribution and risk as parts of a page."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from strategy.attribution.contributions import Attribution
from strategy.attribution.gains import Gain
from strategy.evaluation.crises import CrisisResult
from strategy.evaluation.metrics import Metrics
from strategy.evaluation.risk import LEVEL, TAIL_DAYS
from tasks.performance.assessment import Assessment
from tasks.report.backtest_page import Evidence
from tasks.report.markup import ABSENT, Table, cost, figure, money, share
from tasks.report.scales import signed_percent

CASH, NO_REGIME = "Cash", "Cash, and days without a known regime"


def attribution_tables(assessed: Assessment) -> tuple[Table, ...]:
    """Return what each symbol gained and by which source, then longs against shorts, regimes and sleeves if any.

    Each table adds up to the net result; sources that brought nothing to any row are left out.
    """
    found = assessed.attribution
    directions = {direction.capitalize(): gain for direction, gain in found.by_direction.items()}
    rest = CASH if found.by_regime.get("") == found.by_symbol.get("") else NO_REGIME
    regimes = {regime or rest: gain for regime, gain in found.by_regime.items()}
    tables = [
        symbols_table("What earned the net result, by symbol", found, assessed.equity),
        _table("By direction", directions, assessed.equity),
    ]
    if any(found.by_regime):
        heading = "By regime: that of each symbol at the close before the day"
        tables.append(_table(heading, regimes, assessed.equity))
    if assessed.sleeves:
        tables.append(_table(f"By sleeve since {assessed.sleeves_since}", assessed.sleeves, assessed.equity))
    return tuple(tables)


def symbols_table(heading: str, found: Attribution, equity: Decimal) -> Table:
    """Return what each symbol and the cash gained and by which source, in money and over the equity at first."""
    gains = {symbol or CASH: gain for symbol, gain in _by_net(found.by_symbol).items()}
    return _with_exposures(_table(heading, gains, equity), found)


def _by_net(gains: Mapping[str, Gain]) -> dict[str, Gain]:
    """Return the gains from the largest to the smallest, that of cash last."""
    return dict(sorted(gains.items(), key=lambda item: (item[0] == "", -item[1].net)))


def _table(heading: str, gains: Mapping[str, Gain], equity: Decimal) -> Table:
    lines = {**gains, "All": sum(gains.values(), Gain())}
    financing = "Financing and short fee" if any(line.short_fee for line in lines.values()) else "Financing"
    sources = {
        "Price": [line.price for line in lines.values()],
        "Fees": [line.fees for line in lines.values()],
        "Slippage": [line.slippage for line in lines.values()],
        financing: [line.financing + line.short_fee for line in lines.values()],
        "Interest": [line.interest for line in lines.values()],
        "Funding": [line.funding for line in lines.values()],
        "FX": [line.fx for line in lines.values()],
    }
    shown = {name: amounts for name, amounts in sources.items() if name == "Price" or any(amounts)}
    # The result first: a narrow screen shows the first columns without scrolling.
    columns = ("", "Net", "Of capital", *shown)
    return Table(
        heading=heading,
        columns=columns,
        numbers=frozenset(columns[1:]),
        rows=tuple(
            (
                label,
                money(line.net),
                signed_percent(float(line.net / equity)),
                *(money(amounts[row]) if name == "Price" else cost(amounts[row]) for name, amounts in shown.items()),
            )
            for row, (label, line) in enumerate(lines.items())
        ),
    )


def _with_exposures(table: Table, found: Attribution) -> Table:
    """Return the table of symbols with the mean exposure to each as its last column."""
    means = {**found.mean_exposures, "All": sum(found.mean_exposures.values())}
    name = "Mean exposure"
    return Table(
        heading=table.heading,
        columns=(*table.columns, name),
        numbers=table.numbers | {name},
        rows=tuple((*row, figure(means.get(row[0]))) for row in table.rows),
    )


def risk_lines(assessed: Assessment, net: Metrics) -> tuple[Evidence, ...]:
    """Return the figures of risk, each with its meaning; what is undefined says why."""
    tail = assessed.tail
    short = f"undefined: it takes {TAIL_DAYS} daily returns"
    level = f"{LEVEL:.0%}"
    beaten = "loss reached on one day in twenty, of the days themselves (historical)"
    mean = "mean loss of those days, also called expected shortfall (historical)"
    return (
        Evidence(name="Calmar ratio", value=figure(net.calmar), meaning="growth per year over the deepest drawdown"),
        Evidence(
            name=f"VaR of a day, {level}",
            value=share(tail.value_at_risk if tail else None),
            meaning=beaten if tail else short,
        ),
        Evidence(
            name=f"CVaR of a day, {level}",
            value=share(tail.conditional_value_at_risk if tail else None),
            meaning=mean if tail else short,
        ),
        *_beside(assessed),
        Evidence(
            name="Time in market",
            value=share(assessed.attribution.invested),
            meaning="days at whose close anything was held",
        ),
        Evidence(name="Trades", value=f"{assessed.trades:,}", meaning="fills of orders"),
    )


def _beside(assessed: Assessment) -> tuple[Evidence, ...]:
    """Return how the account moved with its benchmark."""
    name, found = assessed.benchmark, assessed.relative
    if name is None:
        told = "undefined: no other strategy was tested to compare with"
        return (Evidence(name="Beta and alpha", value=ABSENT, meaning=told),)
    if found is None:
        return (Evidence(name="Beta and alpha", value=ABSENT, meaning=f"undefined: {name} moves on too few days"),)
    return (
        Evidence(
            name=f"Beta to {name}",
            value=figure(found.beta),
            meaning=f"return above the risk-free rate for each 1% of {name}'s, in percent",
        ),
        Evidence(
            name=f"Alpha against {name}",
            value=signed_percent(found.alpha),
            meaning="a year above what its beta earned (Jensen's)",
        ),
        Evidence(name=f"Correlation with {name}", value=figure(found.correlation), meaning="of the daily returns"),
        Evidence(
            name="Information ratio",
            value=figure(found.information_ratio),
            meaning=f"return beyond {name} over the tracking error, {share(found.tracking_error)} a year",
        ),
    )


def risk_tables(assessed: Assessment) -> tuple[Table, ...]:
    """Return the deepest drawdowns, the worst days and the crises within the days."""
    return _drawdowns(assessed), _worst_days(assessed), _crises(assessed)


def _drawdowns(assessed: Assessment) -> Table:
    return Table(
        heading="Deepest drawdowns",
        columns=("From", "Depth", "Trough", "Regained", "Calendar days"),
        numbers=frozenset({"Depth", "Calendar days"}),
        rows=tuple(
            (str(each.start), share(each.depth), str(each.trough), _regained(each.recovery), f"{each.days:,}")
            for each in assessed.drawdowns
        ),
        empty="The account never fell below an earlier high.",
    )


def _regained(recovery: date | None) -> str:
    return "not yet" if recovery is None else str(recovery)


def _worst_days(assessed: Assessment) -> Table:
    rivals = () if assessed.benchmark is None else (assessed.benchmark,)
    return Table(
        heading="Worst days",
        columns=("Day", "Net", *rivals),
        numbers=frozenset({"Net", *rivals}),
        rows=tuple(
            (str(each.day), signed_percent(each.change), *(_percent(each.benchmark) for _ in rivals))
            for each in assessed.worst_days
        ),
        empty="No day lost money.",
    )


def _crises(assessed: Assessment) -> Table:
    rivals = () if assessed.benchmark is None else (assessed.benchmark,)
    return Table(
        heading="Crises within these days: falls of the S&P 500 from high to low",
        columns=("Crisis", "From", "To", "Net", "Deepest drawdown", *rivals),
        numbers=frozenset({"Net", "Deepest drawdown", *rivals}),
        rows=tuple(_crisis(each, len(rivals)) for each in assessed.crises),
        empty="None of the listed crises lies wholly within these days.",
    )


def _crisis(found: CrisisResult, rivals: int) -> tuple[str, ...]:
    crisis = found.crisis
    numbers = (signed_percent(found.total_return), share(found.max_drawdown))
    return (crisis.name, str(crisis.start), str(crisis.end), *numbers, *[_percent(found.benchmark_return)] * rivals)


def _percent(value: float | None) -> str:
    return ABSENT if value is None else signed_percent(value)

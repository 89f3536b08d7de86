"""`turbodmt explain`: how an order came about, as a page from the bars down to the fills."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command
from flows.cli.options import AsJson, Home
from flows.cli.trade.share_lines import share_lines

if TYPE_CHECKING:
    from rich.table import Table

    from strategy.signals.strategies import Strategy
    from tasks.explain.order_record_answer import (
        BandPart,
        BarsPart,
        ExplainAnswer,
        ExplainedDecisionAnswer,
        ForecastPart,
        LimitsPart,
        RegimePart,
        SizePart,
        SleevePart,
    )
    from tasks.run.job import RunConfig

#: A line of the page: name, value and remark.
Line = tuple[str, object, str]

ABSENT = "-"
#: How an allocation makes the budgets; explanations of before there were several do not name one.
BUDGETS = {
    "inverse-vol": "budget by inverse-vol: in proportion to 1/σ",
    "equal-risk": "budget by equal-risk: every symbol has the same share of the risk",
    "equal": "budget by equal: the same for every symbol",
}


def explain(
    order: Annotated[str, typer.Argument(help="An order's id, or enough of its beginning to name it.")],
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="The account in the ledger; left out, all of them.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show where an order came from: bars, features, regime, forecast, size, limits, order, fills."""
    run_command(lambda: run_explain({"home": home}, order, account), shown_explanation, as_json)


def run_explain(given: Mapping[str, object], order: str, account: str | None) -> "ExplainAnswer":
    """Return the explanation of the one order whose id begins with `order`. Raises RequestRefused unless it is one."""
    from flows.config.settings import load
    from flows.planning.plan import RequestRefused
    from tasks.explain.order_record import explain, orders_named
    from tasks.operations.accounts import demand_known

    home = load(given).home
    if account is not None:
        demand_known(home, account)
    found = orders_named(home, order, account) if order else ()
    if len(found) == 1:
        return explain(home, found[0], _policy)
    whose = f"of account {account} " if account is not None else ""
    if found:
        several = ", ".join(f"{order.order_id} ({order.account}, {order.symbol}, {order.as_of})" for order in found)
        raise RequestRefused(
            f"ORDER is {order!r}, with which several order ids {whose}begin: {several}; name one whole"
        )
    newest = orders_named(home, "", account)
    known = ", ".join(f"{order.order_id} ({order.account}, {order.symbol}, {order.as_of})" for order in newest)
    remedy = f"the newest are {known}" if newest else "there is none yet; `turbodmt daily` makes some"
    raise RequestRefused(f"ORDER is {order!r}, with which no order id {whose}begins; {remedy}")


def _policy(config: str, strategy: "Strategy") -> "RunConfig":
    """Return the rules of a run of the strategy, as its record has them."""
    from flows.config.settings import Settings
    from flows.planning.plan import PLACES, run_config
    from strategy.account.fees_and_slippage import NO_COSTS
    from tasks.run.kept_terms import terms_among

    known = Settings.model_fields.keys() - PLACES
    # A run of a version that did not have them yet decided on the legacy values of its terms.
    values = {**json.loads(config), **terms_among(config)}
    settings = Settings(**{name: value for name, value in values.items() if name in known})
    # A decision depends on no rate.
    return run_config(settings, strategy, NO_COSTS.financing)


def shown_explanation(answer: "ExplainAnswer") -> str:
    """Return the page, with bold headings on a terminal and as plain text elsewhere."""
    from rich.console import Console
    from rich.text import Text

    terminal = sys.stdout.isatty()
    page = StringIO()
    console = Console(
        file=page,
        force_terminal=terminal,
        # Otherwise it would draw in a notebook by itself.
        force_jupyter=False,
        width=shutil.get_terminal_size().columns,
        highlight=False,
        markup=False,
    )
    console.print(Text(_headline(answer), style="bold"))
    for number, (heading, lines) in enumerate(_parts(answer), start=1):
        console.print()
        console.print(Text(f"{number} {heading}", style="bold"))
        console.print(_grid(lines))
    for warning in answer.warnings:
        console.print()
        console.print(Text(f"Warning: {warning}", style="yellow"))
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip().splitlines())


def _grid(lines: Sequence[Line]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, value, remark in lines:
        grid.add_row(
            Text(f"  {name}"),
            Text(_figure(value), overflow="fold", no_wrap=isinstance(value, float)),
            Text(remark, style="dim"),
        )
    return grid


def _figure(value: object) -> str:
    """Return a value as stored."""
    if isinstance(value, Decimal):
        from tasks.run.answers import text

        return text(value)
    return ABSENT if value is None or value == "" else str(value)


def _headline(answer: "ExplainAnswer") -> str:
    from tasks.run.kept_terms import in_words

    order, decision = answer.order, answer.decision
    who = f"model {decision.model_id[:12]}" if decision.model_id else "no model"
    origin = {
        "stored": "Every number was stored when the day was decided.",
        "replayed": "Nothing was kept then, as a backfill keeps nothing: the day was decided again just now.",
        None: "How the day was decided is not known any more.",
    }[answer.origin]
    return (
        f"Order {order.order_id} of account {order.account}: {order.side} {_figure(order.quantity)} "
        f"{order.symbol}, {order.state}\n"
        f"Decided at the close of {order.as_of} by {decision.strategy}{_version(decision)}, {who}. {origin}\n"
        f"Terms of the account on that day: {in_words(answer.terms)}"
    )


def _version(decision: "ExplainedDecisionAnswer") -> str:
    """Return file and hash of a strategy of the user's own."""
    if decision.strategy_sha256 is None:
        return ""
    return f" ({decision.strategy_origin or 'a package'}, version {decision.strategy_sha256[:12]})"


def _parts(answer: "ExplainAnswer") -> list[tuple[str, list[Line]]]:
    """Return the page's parts in causal order; those of the decision only if it is known how the day was decided."""
    parts: list[tuple[str, list[Line]]] = []
    regime, forecast, size, limits = answer.regime, answer.forecast, answer.size, answer.limits
    if (
        answer.bars is not None
        and regime is not None
        and forecast is not None
        and size is not None
        and limits is not None
    ):
        parts = [
            ("Bars", _bars(answer, answer.bars)),
            ("Features", _features(answer)),
            ("Regime", _regime(regime)),
            ("Forecast", _forecast(forecast) if answer.features else _forecast_of_learner(forecast)),
            *([("Sleeves", _sleeves(answer.sleeves))] if answer.sleeves else []),
            ("Size, as a multiple of equity", _size(size)),
            *([("Rebalance band", _band(answer.band))] if answer.band is not None else []),
            ("Clip and limits", _limits(limits)),
            *([("What the exposure is made of", share_lines(answer.attribution))] if answer.attribution else []),
        ]
    return [*parts, ("Order", _order(answer)), ("Fills", _fills(answer))]


def _bars(answer: "ExplainAnswer", bars: "BarsPart") -> list[Line]:
    kept = "the bars in the store still give it" if answer.verified else "THE BARS IN THE STORE NO LONGER GIVE IT"
    return [
        ("source", bars.source, ""),
        ("window", f"{bars.first} to {bars.last}", f"{bars.bars} bars of {answer.order.symbol}"),
        ("close", bars.close, "raw, of the last bar"),
        ("adjustment factor", bars.factor, "raw × factor is the adjusted price"),
        (
            "sha256",
            (answer.decision.data_sha256 or "")[:12],
            f"first 12 digits, of the windows of {', '.join(bars.symbols)}: {kept}",
        ),
    ]


def _features(answer: "ExplainAnswer") -> list[Line]:
    if answer.features:
        return [(name, value, "") for name, value in answer.features.items()]
    if answer.forecast and answer.forecast.members:
        return [("none", None, "the model names none of its inputs")]
    return [("none", None, "no network decided; the rule's own inputs are under Forecast")]


def _regime(regime: "RegimePart") -> list[Line]:
    scores: list[Line] = [(f"{name} score", value, "") for name, value in regime.scores.items()]
    return [
        *scores,
        ("weighted score", regime.score, "-1 to 1, positive speaks for Bull"),
        *((f"P({name})", value, "") for name, value in regime.probabilities.items()),
        ("regime", regime.regime, ""),
        ("confidence", regime.confidence, "0: all three are equally likely, 1: certain"),
    ]


def _forecast(forecast: "ForecastPart") -> list[Line]:
    lines: list[Line] = [(name, value, "") for name, value in forecast.inputs.items()]
    if forecast.prior is not None:
        lines.append(("prior", forecast.prior, "the rule that the networks start from"))
    lines += [(f"network {number}", value, "") for number, value in enumerate(forecast.members, start=1)]
    if forecast.members:
        lines.append(("mean of the networks", forecast.mean, "before the mean of their departures is cut to ±1"))
    return [*lines, ("signal", forecast.signal, "-1 to 1")]


def _forecast_of_learner(forecast: "ForecastPart") -> list[Line]:
    """Return the forecast of a rule, or of a learner whose model is no network: it names no inputs."""
    lines: list[Line] = [(name, value, "") for name, value in forecast.inputs.items()]
    if forecast.prior is not None:
        lines.append(("prior", forecast.prior, "the rule that a model must beat"))
    lines += [("model", value, "the signal of the model that decided") for value in forecast.members]
    return [*lines, ("signal", forecast.signal, "-1 to 1")]


def _sleeves(sleeves: "Sequence[SleevePart]") -> list[Line]:
    lines: list[Line] = []
    for one in sleeves:
        lines += [
            (one.sleeve, one.signal, "its signal, -1 to 1"),
            ("  x", one.own, "what its own sizing wants, a multiple of equity"),
            ("  w", one.weight, "its weight on the day"),
            ("  w · x", one.part, "scaled as the caps scale the sum of all sleeves"),
            ("  wanted", one.wanted, "after the account's drawdown control"),
            ("  of the fills", one.filled, "its share; opposite wishes cross inside, at the price of the fill"),
        ]
    return lines


def _size(size: "SizePart") -> list[Line]:
    at_peak: list[Line] = []
    capped: list[Line] = []
    if size.within_caps is not None:
        capped = [("x, within its caps", size.within_caps, "after max_symbol_exposure and max_group_exposure")]
    if size.capped is not None and size.budget is None:
        at_peak = [
            ("signal", size.signal, ""),
            ("x", size.uncapped, "the signal itself: with direct sizing no volatility, budget or target plays a part"),
            *capped,
            ("x, capped", size.capped, f"all symbols together at most {size.max_position_size}"),
        ]
    elif size.capped is not None:
        at_peak = [
            ("signal", size.signal, ""),
            ("s'", size.soft_signal, "the signal with the neutral zone cut out"),
            ("g", size.regime_multiplier, "regime multiplier"),
            *_ranges(size),
            ("σ", size.volatility, "annualised volatility of the symbol"),
            ("b", size.budget, BUDGETS[size.allocation or "inverse-vol"]),
            ("share of the risk", size.risk_share, "of the variance of all budgets held together, without signals"),
            ("correlation", size.correlation, "of the symbol with that book"),
            ("σ of the portfolio", size.portfolio_volatility, "annualised, of Σ b·r"),
            ("k", size.volatility_multiplier, "target volatility over that of the portfolio, at most 2"),
            ("x", size.uncapped, "s' · g · b · k, or signal · b · k without the first two"),
            *capped,
            ("x, capped", size.capped, f"all symbols together at most {size.max_position_size}"),
        ]
    floor = "shorts are admitted" if size.floor is None else f"nothing below {size.floor}"
    return [
        *at_peak,
        ("drawdown", size.drawdown, "from the highest equity of the look-back"),
        ("d", size.drawdown_multiplier, "drawdown multiplier"),
        ("after the drawdown", size.after_drawdown, ""),
        ("after the venue's floor", size.after_floor, floor),
        ("kept beside", size.kept_beside, "gross exposure of positions that are not ordered"),
        ("wanted", size.wanted, ""),
    ]


def _ranges(size: "SizePart") -> list[Line]:
    """Return the lines of a volatility that daily ranges correct; none for that of closes."""
    if not size.ranges:
        return []
    lines: list[Line] = [("σ of the closes", size.closes_volatility, "annualised; daily ranges correct it:")]
    for name, value in size.ranges.items():
        fitted = name == "level" or name.startswith("weight")
        told = "fitted on the symbol's rows before the month" if fitted else "σ of that time by daily ranges and gaps"
        lines.append((name, value, told))
    return lines


#: What a rebalance band did to a target, by its code.
_EFFECTS = {
    "edge": "traded to the nearest edge of the band",
    "closed": "ignored: the target is 0",
    "reversed": "ignored: the position is on the other side",
    "capped": "ignored: the cap on exposure leaves no room for it",
}


def _band(band: "BandPart") -> list[Line]:
    return [
        ("band", band.band, "a fraction of equity around the target"),
        ("current", band.current, "what is held, at the close"),
        ("kept from", band.low, ""),
        ("kept to", band.high, ""),
        ("exposure", band.exposure, _EFFECTS.get(band.effect or "", "")),
    ]


def _limits(limits: "LimitsPart") -> list[Line]:
    cap = "no cap" if limits.order_cap is None else f"one order moves at most {limits.order_cap}"
    bound = f"of all symbols, at most {limits.max_turnover}"
    return [
        ("wanted", limits.wanted, ""),
        ("current", limits.current, "what is held, at the close"),
        ("after the order cap", limits.after_cap, cap),
        ("turnover", limits.turnover, bound),
        ("exposure", limits.exposure, "as decided"),
    ]


def _order(answer: "ExplainAnswer") -> list[Line]:
    order, planned = answer.order, answer.planned
    lines: list[Line] = []
    if planned is not None:
        told = "the last close of the pair, dated the day or before"
        converted: list[Line] = [("rate", planned.fx_rate, told)] if planned.currency else []
        priced = "(mark · rate)" if planned.currency else "mark"
        lines = [
            ("exposure", planned.exposure, ""),
            ("equity", planned.equity, ""),
            ("mark", planned.mark, f"the close, in {planned.currency}" if planned.currency else "the close"),
            *converted,
            ("held", planned.held, ""),
            ("change", planned.change, f"exposure · equity / {priced}, less what is held"),
            ("lot", planned.lot, ""),
            ("planned", planned.quantity, planned.reason or "the change in whole lots"),
        ]
    steps: list[Line] = [(step.recorded_at, step.state, step.reason) for step in answer.steps]
    ordered, state = ("order", f"{order.side} {_figure(order.quantity)}", ""), ("state", order.state, order.reason)
    return [*lines, ordered, *steps, state]


def _fills(answer: "ExplainAnswer") -> list[Line]:
    lines: list[Line] = []
    for fill in answer.fills:
        lines += [
            (f"{fill.as_of}, trade {fill.trade_id}", f"{fill.side} {_figure(fill.quantity)}", ""),
            ("  open of the bar", fill.open, ""),
            ("  price", fill.price, ""),
            *((("  rate", fill.fx_rate, "of its currency in the account's"),) if fill.fx_rate is not None else ()),
            ("  slippage", fill.slippage, f"in money, {_figure(fill.slippage_bps)} basis points against the open"),
            ("  fee", fill.fee, "in money"),
        ]
    for trade in answer.executions:
        lines += [
            (
                f"broker's trade {trade.trade_id}",
                f"{trade.side} {_figure(trade.quantity)} at {_figure(trade.price)}",
                trade.executed_at,
            ),
            ("  fee", trade.fee, trade.fee_asset),
            ("  realised", trade.realised, "by the broker's count"),
        ]
    return lines or [("none", None, "")]

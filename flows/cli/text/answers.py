"""Answers of the commands in words, for a person at a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.cli.console import counted, listed, sections, table, warned
from flows.cli.number_format import metric, money
from flows.cli.text.costs import shown_costs
from flows.cli.text.robustness import doubts

Json = Mapping[str, Any]

#: Metrics shown of each point of a sweep, and of each account of the headline audit.
METRICS = ("sharpe", "cagr", "annual_vol", "max_drawdown", "turnover_per_year")
MEASURED = ("total_return", "sharpe", "max_drawdown", "win_rate")


def shown_backtest(answer: Json) -> str:
    """Return a backtest in words: its metrics side by side, and how far they can be trusted."""
    accounts = {name: answer[name] for name in ("gross", "net", "net_2x_cost")}
    accounts |= {name: one["net"] for name, one in answer["benchmarks"].items()}
    # One metric per row: there are fewer accounts than metrics, so eighty columns are enough.
    rows = [
        {"metric": name, **{label: metric(name, one[name]) for label, one in accounts.items()}}
        for name in answer["net"]
    ]
    count = answer["trials"]
    trials = f"; {count} configuration{'s' if count > 1 else ''} tried on these bars" if count else ""
    return sections(
        f"{answer['strategy']} on {', '.join(answer['symbols'])}, {answer['start']} to {answer['end']}, "
        f"{answer['bars']} days{trials}",
        table(rows, ("metric", *accounts)),
        shown_costs(answer["costs"]),
        f"The drawdown limit would have halted it on {answer['would_halt_on']}." if answer["would_halt_on"] else "",
        "\n".join(doubts(answer["significance"])),
        "\n".join(answer["files"]),
        warned(answer),
    )


def shown_backfill(answer: Json) -> str:
    """Return a backfill in words: the days added, the account's metrics, and which model decided when."""
    changes = [{"since": one["as_of"], "model": (one["model_id"] or "none")[:12]} for one in answer["model_changes"]]
    return sections(
        f"Account {answer['account']}: {answer['strategy']} on {', '.join(answer['symbols'])}, {answer['start']} to "
        f"{answer['end']}\n{counted(answer['days_done'], 'day')} done, {answer['days_skipped']} already there; "
        f"{counted(answer['orders'], 'order')}, {answer['orders_withheld']} withheld, "
        f"{counted(answer['fills'], 'fill')}",
        table([_in_units(answer["metrics"], tuple(answer["metrics"]))], tuple(answer["metrics"])),
        f"Equity {money(answer['equity'])}" + (f", halted since {answer['halted_since']}" if answer["halted"] else ""),
        listed("Models", changes, ("since", "model")) if answer["strategy"] == "turbo" else "",
        f"Report {answer['report']}" if answer["report"] else "",
        warned(answer),
    )


def shown_sweep(answer: Json) -> str:
    """Return a sweep in words: its ten best points, and how much of the best one may be luck."""
    best, trials = answer["best"], answer["trials"]
    columns = (*answer["varied"], *METRICS)
    doubt = [
        f"The best of {counted(trials, 'trial')} without skill would show a Sharpe of "
        f"{answer['luckiest_sharpe']:.2f}; the chance that the best point's is more than luck is "
        f"{_figure(answer['deflated_sharpe'])}."
    ]
    if answer["pbo"] is not None:
        doubt.append(
            f"In {answer['pbo']:.0%} of the splits of the days, what was best on one half was no better than the "
            "median point on the other."
        )
    return sections(
        f"{counted(answer['points'], 'point')} on {', '.join(answer['symbols'])}, {answer['start']} to "
        f"{answer['end']}, {counted(answer['bars'], 'day')}",
        table([{**one, **_in_units(one, METRICS)} for one in answer["top"]], columns),
        f"The best point's exact account, with lots and limits: net Sharpe {_figure(best['exact']['sharpe'])}",
        " ".join(doubt),
        "\n".join(answer["files"]),
        warned(answer),
    )


def shown_train(answer: Json) -> str:
    """Return a training in words: the model and its validation."""
    validation = answer["validation"]
    return sections(
        f"Model {answer['model_id']}\ntrained on {', '.join(answer['symbols'])} from {answer['trained_from']} to "
        f"{answer['trained_to']}",
        f"Net Sharpe on {validation['validation_bars']} dates that it neither learned from nor stopped at: "
        f"{_figure(validation['network_sharpe'])}, the prior {_figure(validation['prior_sharpe'])}",
        f"{'Promoted' if answer['promoted'] else 'Refused'}: {answer['verdict']['reason']}",
        warned(answer),
    )


def shown_models(answer: Json) -> str:
    """Return the registry in words: one line per model, then the reasons."""
    rows = [
        {
            **one,
            "model": one["model_id"][:12],
            "symbols": ",".join(one["symbols"]),
            **(one["verdict"] or {"figures": {}})["figures"],
        }
        for one in answer["models"]
    ]
    columns = ("model", "state", "source", "symbols", "trained_to", "seed", "sharpe", "rival_sharpe", "p_deflated")
    reasons = [f"{row['model']}: {row['reason']}" for row in rows if row["reason"]]
    return sections(table(rows, columns), "\n".join(reasons), warned(answer))


def shown_promote(answer: Json) -> str:
    """Return in words which model decides now, and since when."""
    who = "The prior" if answer["model_id"] == "prior" else f"Model {answer['model_id'][:12]}"
    panel = f"{', '.join(answer['symbols'])} of {answer['source']}"
    if not answer["changed"]:
        return f"{who} trades {panel} already ({answer['reason']}); nothing has changed."
    replaced = "the prior" if answer["replaced"] == "prior" else f"model {answer['replaced'][:12]}"
    return f"{who} trades {panel} from {answer['as_of']} on, instead of {replaced}: {answer['reason']}"


def shown_twin(answer: Json) -> str:
    """Return a twin in words: its facts beside the real ones, those outside their band marked."""
    verdict = {True: "pass", False: "FAIL", None: "undefined"}
    rows = [{**fact, "pass": verdict[fact["pass"]]} for fact in answer["facts"]]
    judged = [fact["pass"] for fact in answer["facts"] if fact["pass"] is not None]
    return sections(
        f"{answer['paths']} synthetic paths of {', '.join(answer['symbols'])}, fitted to {answer['rows']} dates from "
        f"{answer['start']} to {answer['end']}",
        table(rows, ("symbol", "name", "real", "low", "high", "twin", "pass")),
        f"{sum(judged)} of {len(judged)} facts lie in the band that holds {answer['level']:.0%} of the real data's "
        "own resamplings",
        warned(answer),
    )


def shown_audit(answer: Json) -> str:
    """Return an audit in words: the checks made, or the claimed figures beside the measured ones."""
    days = f"{', '.join(answer['symbols'])} of {answer['source']}, {answer['start']} to {answer['end']}"
    if answer["audit"] == "headline":
        columns = ("account", *MEASURED, "days_right_needed")
        return sections(
            f"The seed document's figures beside net ones of {days}, {answer['days']} days",
            table([{**one, **_in_units(one, MEASURED)} for one in answer["accounts"]], columns),
            "The claimed win rate counts trades, the measured ones count days.",
            answer["verdict"],
            warned(answer),
        )
    rows = [{**check, "pass": "pass" if check["pass"] else "FAIL"} for check in answer["checks"]]
    return sections(
        f"{answer['audit']} audit on {days}",
        table(rows, ("check", "strategy", "dates", "mismatches", "pass")),
        f"All {len(rows)} checks passed.",
        warned(answer),
    )


def shown_doctor(answer: Json) -> str:
    """Return the checks in words, each with its remedy if it failed."""
    rows = [{**check, "ok": "ok" if check["ok"] else "FAILED"} for check in answer["checks"]]
    remedies = [f"{check['name']}: {check['remedy']}" for check in answer["checks"] if check["remedy"]]
    return sections(table(rows, ("ok", "name", "detail")), "\n".join(remedies))


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _in_units(metrics: Json, names: Sequence[str]) -> dict[str, str]:
    return {name: metric(name, metrics[name]) for name in names}

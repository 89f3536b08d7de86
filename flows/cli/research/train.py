"""`turbodmt train`: train a challenger, which the promotion gate judges."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flows.cli.console import run_command, sections, warned
from flows.cli.number_format import ratio
from flows.cli.options import AsJson, AsOf, Calendar, Home, Source, Strategy, Symbols

if TYPE_CHECKING:
    from tasks.models.retrain import TrainAnswer


def train(
    as_of: AsOf = None,
    source: Source = None,
    symbols: Symbols = None,
    strategy: Strategy = None,
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Train a challenger of a strategy that learns on the past of the symbols; the gate promotes or refuses it."""
    from flows.cli.calendar_option import with_calendar

    given = {"source": source, "symbols": symbols, "strategy": strategy, "home": home}
    run_command(lambda: run_train(with_calendar(given, calendar), as_of), shown_train, as_json)


def run_train(given: Mapping[str, object], as_of: str | None) -> "TrainAnswer":
    """Run the training flow under Prefect and return its answer."""
    from flows.cli.prefect_run import prepare_run
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import open_source
    from flows.planning.own_strategy import keep
    from flows.planning.plan import Request, day, learner_named, plan
    from flows.server.availability import served

    wanted = day(as_of, "--as-of")
    settings = load(given)
    strategy = learner_named(settings, str(given["strategy"]) if given.get("strategy") else None)
    plan(settings, open_source(settings), Request(account="train", as_of=wanted, clock=clock()), strategy)
    keep(settings, strategy, clock())
    prepare_run(settings.home)
    from flows.train import train as flow
    from tasks.models.retrain import TrainAnswer

    symbols = list(settings.symbols) or None
    with served(settings.home):
        text = flow(as_of=wanted, source=settings.source, symbols=symbols, strategy=strategy.name, home=settings.home)
    return TrainAnswer.of_json(text)


def shown_train(answer: "TrainAnswer") -> str:
    """Return a training in words: the model and its validation."""
    validation = answer.validation
    return sections(
        f"Model {answer.model_id}\nof {answer.strategy}"
        + (f", version {answer.strategy_sha256[:12]}," if answer.strategy_sha256 else "")
        + f" trained on {', '.join(answer.symbols)} from {answer.trained_from} to {answer.trained_to}",
        f"Net Sharpe on {validation.validation_bars} dates that it neither learned from nor stopped at: "
        f"{ratio(validation.network_sharpe)}, the prior {ratio(validation.prior_sharpe)}",
        f"{'Promoted' if answer.promoted else 'Refused'}: {answer.verdict.reason}",
        f"Page of the model: {answer.report}" if answer.report else "",
        warned(answer),
    )

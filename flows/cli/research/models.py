"""`turbodmt models`: the registry of models, and the prior."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

from flows.cli.console import run_command, sections, warned
from flows.cli.options import AsJson, Home, Source, Symbols
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.operations.promote import ModelAnswer, ModelsAnswer, PriorAnswer


def models(source: Source = None, symbols: Symbols = None, home: Home = None, as_json: AsJson = False) -> None:
    """List the models and the prior: who trades, what each was trained on, and the verdict on it."""
    run_command(lambda: run_models({"source": source, "symbols": symbols, "home": home}), shown_models, as_json)


def run_models(given: Mapping[str, object]) -> "ModelsAnswer":
    """Return the registry, filtered by the options; the settings do not filter it."""
    from flows.config.settings import load
    from flows.planning.adapters import open_source
    from flows.planning.plan import learning
    from storage.models.panels import Panel
    from tasks.operations.promote import Filter
    from tasks.operations.promote import models as registered

    settings = load(given)
    wanted = Filter(
        source=open_source(settings).name if given.get("source") else None,
        symbols=settings.symbols if given.get("symbols") else None,
    )
    strategy = learning(settings)
    usual = Panel(
        source=settings.source,
        symbols=settings.symbols,
        strategy=strategy.name,
        strategy_sha256=strategy.version or None,
    )
    return registered(settings.home, wanted, usual)


def shown_models(answer: "ModelsAnswer") -> str:
    """Return the registry in words: a table for each panel, then the reasons."""
    panels = groupby(
        answer.models, key=lambda model: (model.strategy, model.strategy_sha256, model.symbols, model.source)
    )
    reasons = [f"{model.model_id[:12]}: {model.reason}" for model in answer.models if model.reason]
    return sections(*(_panel(list(models)) for _, models in panels), "\n".join(reasons), warned(answer))


def _panel(models: "Sequence[ModelAnswer | PriorAnswer]") -> str:
    first = models[0]
    version = f" {first.strategy_sha256[:12]}" if first.strategy_sha256 else ""
    rows = [
        {**dict(model), "model": model.model_id[:12], **(asdict(model.verdict.figures) if model.verdict else {})}
        for model in models
    ]
    columns = ("model", "state", "trained_to", "seed", "sharpe", "rival_sharpe", "p_deflated")
    return f"{first.strategy}{version} on {', '.join(first.symbols)} of {first.source}\n{table(rows, columns)}"

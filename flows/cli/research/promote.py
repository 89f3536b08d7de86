"""`turbodmt promote`: let a model, or the prior, trade by hand."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, sections, warned
from flows.cli.options import AsJson, Home, Reason, Source, Strategy, Symbols

if TYPE_CHECKING:
    from flows.config.settings import Settings
    from tasks.operations.promote import PromoteAnswer, Stated


def promote(
    model: Annotated[str, typer.Argument(help="Eight or more digits of a model's id, or prior.")],
    reason: Reason = "",
    source: Source = None,
    symbols: Symbols = None,
    strategy: Strategy = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let a model, an older one or the prior trade by hand.

    With prior, --source, --symbols and --strategy say for what; with a model they must be the model's own.
    """
    given = {"source": source, "symbols": symbols, "strategy": strategy, "home": home}
    run_command(lambda: run_promote(given, model, reason), shown_promote, as_json)


def run_promote(given: Mapping[str, object], model: str, reason: str) -> "PromoteAnswer":
    """Promote a model, which has its symbols on record, or the prior for the symbols of the settings."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import open_source
    from flows.planning.plan import learner_named, wanted_symbols
    from storage.models.panels import Panel
    from tasks.operations.promote import promote as promote_model
    from tasks.operations.promote import promote_prior

    settings = load(given)
    if model == "prior":
        source = open_source(settings)
        strategy = learner_named(settings, str(given["strategy"]) if given.get("strategy") else None)
        panel = Panel(
            source=source.name,
            symbols=wanted_symbols(settings, source),
            strategy=strategy.name,
            strategy_sha256=strategy.version or None,
        )
        return promote_prior(settings.home, panel, reason, clock())
    return promote_model(settings.home, model, reason, clock(), _stated(given, settings))


def _stated(given: Mapping[str, object], settings: "Settings") -> "Stated":
    """Return what the command line says of the model; what it leaves out is the model's own, whatever the settings."""
    from flows.planning.adapters import open_source
    from tasks.operations.promote import Stated
    from tasks.strategies.catalogue import of_file
    from tasks.strategies.spelling import is_file

    named = settings.strategy if given.get("strategy") else None
    file = of_file(named, {}) if named and is_file(named) else None
    return Stated(
        source=open_source(settings).name if given.get("source") else None,
        symbols=tuple(settings.symbols) if given.get("symbols") else None,
        strategy=file.name if file else named,
        strategy_sha256=file.version if file else None,
    )


def shown_promote(answer: "PromoteAnswer") -> str:
    """Return in words which model decides now, and since when."""
    who = "The prior" if answer.model_id == "prior" else f"Model {answer.model_id[:12]}"
    version = f" {answer.strategy_sha256[:12]}" if answer.strategy_sha256 else ""
    by = f" by {answer.strategy}{version}" if version else ""
    panel = f"{', '.join(answer.symbols)} of {answer.source}{by}"
    if not answer.changed:
        said = f"{who} trades {panel} already ({answer.reason}); nothing has changed."
        return sections(said, warned(answer))
    replaced = "the prior" if answer.replaced == "prior" else f"model {answer.replaced[:12]}"
    return sections(
        f"{who} trades {panel} from {answer.as_of} on, instead of {replaced}: {answer.reason}", warned(answer)
    )

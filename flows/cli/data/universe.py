"""`turbodmt universe`: which symbols of a source might be held, and when."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command
from flows.cli.options import AsJson, Home, Source
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.data.universe import UniverseAnswer


def universe(
    file: Annotated[
        str | None, typer.Argument(help="A csv file with symbol, from and to; left out, the universe is shown.")
    ] = None,
    source: Source = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say which symbols of a source might be held, and when, so that no survivor is chosen in hindsight."""
    run_command(lambda: run_universe({"source": source, "home": home}, file), shown_universe, as_json)


def run_universe(given: Mapping[str, object], file: str | None) -> "UniverseAnswer":
    """Return the universe of the source, replaced by the file's if one is given."""
    from flows.config.paths import expanded
    from flows.config.settings import load
    from flows.planning.adapters import open_source
    from tasks.data.universe import keep_universe, universe_of

    settings = load(given)
    name = open_source(settings).name
    if file is None:
        return universe_of(settings.home, name)
    from exchange.bars.universe_csv import read_universe

    return keep_universe(settings.home, name, read_universe(expanded(Path(file))))


def shown_universe(answer: "UniverseAnswer") -> str:
    """Return in words which symbols might be held, and when."""
    if answer.universe is None:
        return f"Nobody keeps a universe of {answer.source}: every symbol may be held at any time."
    rows = [{"symbol": span.symbol, "from": span.first, "to": span.last or "today"} for span in answer.universe]
    return f"The universe of {answer.source}\n{table(rows, ('symbol', 'from', 'to'))}"

"""`turbodmt init`: prompt for the settings of an installation, check each answer, and write one settings file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import run_dialogue
from flows.cli.options import Capital, Home, Source, Strategy, Symbols
from flows.planning.deployed_accounts import ACCOUNT
from strategy.exit_codes import UsageError

QUESTIONS = {
    "source": "Where do bars come from (sample, binance, binance-futures, yahoo or file:PATH)?",
    "symbols": "Which symbols, separated by commas (none: those of the source)?",
    "strategy": "Which strategy (turbo, rules, hold, vol-target or momentum)?",
    "capital": "With how much money does an account start?",
    "broker": "Where do orders go (paper, testnet-spot or testnet-futures)?",
}
#: Risk levels: target volatility, a fraction, and the matching largest exposure, a multiple of equity.
RISKS = {"cautious": (0.10, 1.0), "normal": (0.15, 1.5), "published": (0.35, 2.0)}
#: Most times that a question is asked.
TRIES = 5


def init(
    source: Source = None,
    symbols: Symbols = None,
    strategy: Strategy = None,
    capital: Capital = None,
    broker: Annotated[str | None, typer.Option(metavar="NAME", help="paper, testnet-spot or testnet-futures.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: options and defaults; replace a file.")] = False,
    home: Home = None,
    risk: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="cautious (10 %, 1x), normal (15 %, 1.5x) or published (35 %, 2x)."),
    ] = None,
) -> None:
    """Ask what is needed and write settings.toml; keys are never written."""
    given = {"source": source, "symbols": symbols, "strategy": strategy, "capital": capital, "broker": broker}
    run_dialogue(lambda: run_init(given, home, yes, risk))


def run_init(given: Mapping[str, str | None], home: str | None, yes: bool, risk: str | None = None) -> str:
    """Write the settings file and return the closing message.

    Raises ConfigurationError for an option outside its limits, UsageError.
    """
    from flows.config.settings import FILE_NAME, Settings, checked_value, load
    from storage.files import private_folder, write_whole

    folder = load({"home": home}).home
    path = folder / FILE_NAME
    for name, value in given.items():
        if value is not None:
            checked_value(name, value)
    if risk is not None and risk not in RISKS:
        raise UsageError(f"--risk is {risk!r}; it must be {', '.join(RISKS)}")
    if not yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; give --source and what else is not the default, and --yes")
    if path.exists() and not yes and not typer.confirm(f"{path} is there already. Replace it?"):
        raise UsageError(f"{path} is left as it was")
    answers = {}
    for name, question in QUESTIONS.items():
        default = "" if name == "symbols" else str(Settings.model_fields[name].get_default())
        value = given[name]
        answers[name] = value if value is not None else default if yes else _asked(name, question, default)
    chosen = risk if risk is not None or yes else _risk_asked()
    file = _file_of(answers["source"])
    if file is not None:
        answers["source"] = f"file:{file}"
    private_folder(folder)
    write_whole(path, (_content(answers) + _risk_lines(chosen)).encode())
    absent = f"\nThere is no file {file} yet." if file is not None and not file.exists() else ""
    return _next(path, answers) + _capped(answers, chosen) + absent


def _risk_asked() -> str:
    """Return the first answer that names a risk level. Raises UsageError after TRIES wrong answers."""
    question = "How much risk: cautious (10 % a year, 1x equity at most), normal (15 %, 1.5x) or published (35 %, 2x)?"
    for _ in range(TRIES):
        answer = str(typer.prompt(question, default="published", show_default=True)).strip()
        if answer in RISKS:
            return answer
        typer.echo(f"risk is {answer!r}; it must be {', '.join(RISKS)}.", err=True)
    raise UsageError(f"risk was asked for {TRIES} times; it must be {', '.join(RISKS)}")


def _risk_lines(risk: str | None) -> str:
    """Return the settings of a risk level; none if no level was chosen, so that the defaults hold."""
    if risk is None:
        return ""
    target, most = RISKS[risk]
    return f"# Risk: {risk}.\ntarget_annual_vol = {target}\nmax_position_size = {most}\n"


def _capped(answers: Mapping[str, str], risk: str | None) -> str:
    """Return when the cap, not the target, will decide: several symbols together are calmer than each."""
    if answers["symbols"].count(",") == 0:
        return ""
    target, most = RISKS[risk or "published"]
    # The multiplier of low volatility has a bound of its own, 2, which is never below these caps.
    return (
        f"\nSeveral symbols together are calmer than each: below a volatility of {target / most:.3g} a year the "
        f"largest exposure, {most:g}, decides and not the target, {target:g}. A backtest says how often, and what is "
        "reached."
    )


def _file_of(source: str) -> Path | None:
    """Return the absolute path of a source's file, so that later runs may start anywhere; None for a named source."""
    named, _, path = source.partition("file:")
    from flows.config.paths import expanded

    return None if named or not path else expanded(Path(path))


def _asked(name: str, question: str, default: str) -> str:
    """Return the first answer within the limits. Raises UsageError after TRIES wrong answers."""
    from flows.config.settings import ConfigurationError, checked_value

    for _ in range(TRIES):
        answer = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
        if not answer:
            return answer
        try:
            checked_value(name, answer)
        except ConfigurationError as error:
            typer.echo(f"{error}.", err=True)
        else:
            return answer
    raise UsageError(f"{name} was asked for {TRIES} times; docs/configuration.md states its limits")


def _content(answers: Mapping[str, str]) -> str:
    """Return the content of the settings file; empty symbols stay a comment."""
    import json

    symbols = [part.strip() for part in answers["symbols"].split(",") if part.strip()]
    lines = ["# Made by `turbodmt init`. docs/configuration.md lists every setting; keys belong into the environment."]
    for name, answer in answers.items():
        if name == "symbols":
            lines.append(f"symbols = {json.dumps(symbols)}" if symbols else '# symbols = ["A", "B"]')
        else:
            # A JSON string is a TOML string, as long as no character is written as a surrogate pair.
            lines.append(f"{name} = {json.dumps(answer, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _next(path: Path, answers: Mapping[str, str]) -> str:
    broker, lines = answers["broker"], [f"{path} is written."]
    if broker != "paper":
        lines.append(
            f"{broker} needs TURBODMT_TESTNET_KEY and TURBODMT_TESTNET_SECRET in the environment, or Prefect's Secret "
            "blocks; neither was asked for or written here."
        )
    # The deployment that `up` offers trades its own account, and a testnet serves one account only.
    every_day = (
        "the sample never gets another bar, so nothing can run it every day"
        if answers["source"] == "sample"
        else "`turbodmt up` offers to run it every day"
    )
    lines.append(
        f"Next: `turbodmt doctor` checks the settings, `turbodmt daily --account {ACCOUNT}` runs today; {every_day}."
    )
    return "\n".join(lines)

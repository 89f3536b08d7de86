"""`--set KEY=VALUE`: any setting on any command that reads settings, for this run only; two have own options."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from flows.cli.console import fail, tell
from flows.cli.help_text import PlainCommand
from flows.doctor.environment_names import PREFIX, remedy_of, strange_names
from strategy.exit_codes import Exit

OPTION = "--set"
#: Settings with an option of their own where rates are used: what messages on missing rates tell a user to type.
SHORTHANDS = {"financing_rate": "--financing-rate", "rates": "--rates"}


class SettingsCommand(PlainCommand):
    """A command that reads settings: it takes `--set`, and warns of a misspelt environment variable."""

    #: The settings that have an option of their own on the command.
    shorthands: frozenset[str] = frozenset()

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's own parameters, then `--set` and what the kind of command adds."""
        own = super().get_params(ctx)
        added = [each for each in _options() if each.name == "settings" or each.name in self.shorthands]
        return [*own[:-1], *added, *own[-1:]]

    def invoke(self, ctx: Any) -> Any:
        """Run the command under the given settings."""
        pairs = [*(ctx.params.pop("settings") or ())]
        for name in SHORTHANDS:
            value = ctx.params.pop(name, None)
            if value is not None:
                pairs.append(f"{name}={value}")
        for name in strange_names():
            tell(f"turbodmt: warning: {name} is read by nothing and changes nothing; {remedy_of(name)}")
        if pairs:
            _put_in_force(pairs, ctx.params)
        return super().invoke(ctx)


class FinancedCommand(SettingsCommand):
    """A command that charges and pays interest, or looks for its rates: it takes `--rates` and `--financing-rate`."""

    shorthands = frozenset(SHORTHANDS)


def _put_in_force(pairs: Sequence[str], options: Mapping[str, object]) -> None:
    """Apply the settings to this process and its children: like the environment, they take precedence over the file."""
    from flows.config.settings import ConfigurationError

    try:
        given = assigned(pairs, takes_parameters="strategy" in options)
        for name in given:
            if options.get(name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise ConfigurationError(f"{option} and {OPTION} {name} are both given", "leave one of them out")
    except ConfigurationError as error:
        fail(str(error), Exit.USAGE, as_json=bool(options.get("as_json")))
    if len(given.keys() & SHORTHANDS.keys()) == 1:
        # The environment may hold the other one, which this one rules over.
        for name in SHORTHANDS:
            os.environ.pop(f"{PREFIX}{name.upper()}", None)
    os.environ.update({f"{PREFIX}{name.upper()}": value for name, value in given.items()})


def assigned(pairs: Sequence[str], *, takes_parameters: bool = False) -> dict[str, str]:
    """Return the settings by name; with `takes_parameters` any other name is a parameter of the strategy.

    Raises ConfigurationError for a text that is no pair, no setting, or given twice.

    >>> assigned(["target_annual_vol=0.1"])
    {'target_annual_vol': '0.1'}
    >>> assigned(["seed=1", "fast=20"], takes_parameters=True)
    {'seed': '1', 'parameters': '{"fast": "20"}'}
    """
    from flows.config.settings import ConfigurationError, demand_setting, is_setting

    given: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, _, value = (part.strip() for part in pair.partition("="))
        if not (name and value):
            raise ConfigurationError(f"{OPTION} is {pair!r}", "it must be KEY=VALUE, such as target_annual_vol=0.1")
        chosen = parameters if takes_parameters and not is_setting(name) else given
        if chosen is given:
            demand_setting(name)
        if name == "home":
            raise ConfigurationError(f"{OPTION} names home", "use --home or TURBODMT_HOME")
        if name in chosen:
            raise ConfigurationError(
                f"{OPTION} gives {name} as {chosen[name]!r} and as {value!r}", "leave one of them out"
            )
        chosen[name] = value
    return {**given, "parameters": json.dumps(parameters)} if parameters else given


@cache
def _options() -> tuple[Any, ...]:
    """Return the options as typer builds them from a signature."""
    made = typer.Typer(add_completion=False)

    @made.command()
    def _settings(
        settings: Annotated[
            list[str] | None,
            typer.Option(
                OPTION,
                metavar="KEY=VALUE",
                help="A setting, or a parameter of the strategy, for this run alone; repeatable.",
            ),
        ] = None,
        financing_rate: Annotated[
            str | None,
            typer.Option(
                SHORTHANDS["financing_rate"],
                metavar="RATE",
                help="Flat yearly rate of financing, in place of rates: 0.05.",
            ),
        ] = None,
        rates: Annotated[
            str | None,
            typer.Option(
                SHORTHANDS["rates"], metavar="NAME", help="Interest rates: bills, yahoo, constant:0.02 or file:PATH."
            ),
        ] = None,
    ) -> None: ...

    return tuple(typer.main.get_command(made).params)

"""Reference page of all settings, generated from their definitions.

Write it with `python -m flows.cli.settings_reference > docs/configuration.md`.
"""

import sys
from typing import Any

from pydantic.fields import FieldInfo

from flows.config.settings import PATTERNS, Settings
from flows.planning.api_keys import BLOCKS, VARIABLES
from flows.scheduling.alerts import BLOCK, WEBHOOK

HEAD = """# Configuration

Made by `.venv/bin/python -m flows.cli.settings_reference`; a test demands that it is what that command prints.

An option of the command, or `--set KEY=VALUE` (such as `--set target_annual_vol=0.1`, repeatable), beats
`TURBODMT_*` in the environment, that beats `settings.toml` in the home folder, that beats the default. An unknown
name in the file or after `--set`, or a value outside its limits, is refused with exit code 2; of a name in the
environment that nothing reads a warning is shown. Lists are separated by commas in the environment and TOML lists
in the file; fractions are plain numbers, 0.35 for 35 %.

| setting | environment | default | limits | what it is |
|---|---|---|---|---|
"""
SECRETS = f"""
## Secrets

They are no settings: no file, option, flow parameter, log or artifact of ours holds one.

| environment | Prefect block | what it is |
|---|---|---|
| `{VARIABLES[0]}` | Secret `{BLOCKS[0]}` | key of the testnet |
| `{VARIABLES[1]}` | Secret `{BLOCKS[1]}` | its secret |
| `{WEBHOOK}` | any notification block `{BLOCK}` | where the watchdog's concerns are posted |
| `PREFECT_SERVER_API_AUTH_STRING` | | what `turbodmt up` demands (user:password) instead of its own |
| `PREFECT_API_AUTH_STRING` | | what a server of your own is sent, and nothing of ours |

## Prefect's own

`PREFECT_HOME` (default: `prefect/` in the home), `PREFECT_API_URL` (a server of your own instead of one for each run)
and `PREFECT_API_DATABASE_CONNECTION_URL` (Postgres) are respected wherever they are set.
"""


def page() -> str:
    """Return the page in Markdown."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return HEAD + "\n".join(rows) + "\n" + SECRETS


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", f"`TURBODMT_{name.upper()}`", _default(name, field), _limits(name), str(field.description))
    return f"| {' | '.join(cells)} |"


def _default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return "the platform's user data folder"
    value = field.get_default()
    return "none" if value is None or value == () else f"`{value}`"


def _limits(name: str) -> str:
    """Return the minimum and maximum of a number, or the choices of a text."""
    if name in PATTERNS:
        return PATTERNS[name]
    schema = _schema(name)
    if "enum" in schema:
        return ", ".join(str(one) for one in schema["enum"])
    told = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
    return ", ".join(f"{sign} {_plain(schema[key])}" for key, sign in told if key in schema)


def _plain(number: float) -> str:
    """Return the number with all its digits.

    >>> _plain(4294967295.0), _plain(0.5)
    ('4,294,967,295', '0.5')
    """
    return f"{int(number):,}" if number == int(number) else f"{number:,}"


def _schema(name: str) -> dict[str, Any]:
    """Return pydantic's JSON schema of the field, without the alternatives null and text."""
    whole = Settings.model_json_schema()
    found: dict[str, Any] = whole["properties"][name]
    for one in found.get("anyOf", ()):
        if one.get("type") in ("number", "integer"):
            return dict(one)
    if "$ref" in found:
        return dict(whole["$defs"][found["$ref"].rpartition("/")[2]])
    return found


if __name__ == "__main__":
    sys.stdout.write(page())

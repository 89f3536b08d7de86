"""Parameter forms on Prefect's page: one field per parameter, empty where the settings decide."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def plain(schema: Mapping[str, Any]) -> Schema:
    """Return the schema of a flow's parameters with a single field for each optional one.

    Prefect shows an optional value as a switch to be set before anything can be typed, and null as "Property is type
    None". Without the null alternative and the default there is a plain field, which is not sent while empty. A client
    of the API may still send null.

    >>> day = {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None, "title": "as_of"}
    >>> plain({"properties": {"as_of": day}})
    {'properties': {'as_of': {'title': 'as_of', 'type': 'string', 'format': 'date'}}}
    """
    known = schema.get("definitions", {})
    properties = {name: _field(shown, known) for name, shown in schema.get("properties", {}).items()}
    return {**schema, "properties": properties}


def _field(shown: Schema, known: Mapping[str, Schema]) -> Schema:
    choices = [choice for choice in shown.get("anyOf", ()) if choice.get("type") != "null"]
    if not choices or shown.get("default", "given") is not None:
        return shown
    chosen = known.get(choices[0].get("$ref", "").removeprefix("#/definitions/"), choices[0])
    told = {name: value for name, value in shown.items() if name not in ("anyOf", "default")}
    added = {name: value for name, value in chosen.items() if name not in (*told, "enum")}
    # Prefect's drop-down does not open on a click and accepts any value; a text field with a pattern works.
    listed = {"pattern": f"^({'|'.join(chosen['enum'])})$"} if "enum" in chosen else {}
    return {**told, **added, **listed}

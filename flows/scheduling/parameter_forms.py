"""The parameters of a flow as the form of Prefect's page shows them: one field each, empty where settings decide."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def plain(schema: Mapping[str, Any]) -> Schema:
    """The schema of a flow's parameters with one field for each that may be left out.

    Prefect shows a value-or-nothing as a switch to be set before anything can be typed, and nothing as "Property is
    type None". Without that choice and without its default the field is there, and is not sent while it is empty. A
    client of the API may send nothing all the same.

    >>> day = {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None, "title": "as_of"}
    >>> plain({"properties": {"as_of": day}})
    {'properties': {'as_of': {'title': 'as_of', 'type': 'string', 'format': 'date'}}}
    """
    known = schema.get("definitions", {})
    properties = {name: _field(shown, known) for name, shown in schema.get("properties", {}).items()}
    return {**schema, "properties": properties}


def _field(shown: Schema, known: Mapping[str, Schema]) -> Schema:
    choices = [one for one in shown.get("anyOf", ()) if one.get("type") != "null"]
    if not choices or shown.get("default", "given") is not None:
        return shown
    chosen = known.get(choices[0].get("$ref", "").removeprefix("#/definitions/"), choices[0])
    told = {name: value for name, value in shown.items() if name not in ("anyOf", "default")}
    added = {name: value for name, value in chosen.items() if name not in (*told, "enum")}
    # Prefect's list of values does not open under a click, and would refuse nothing; a field to type in does neither.
    listed = {"pattern": f"^({'|'.join(chosen['enum'])})$"} if "enum" in chosen else {}
    return {**told, **added, **listed}

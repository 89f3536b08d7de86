"""Kinds of expectations that keep their configuration: Great Expectations asks for it some 100 times a validation.

Importing this module imports Great Expectations, which takes two seconds; `suite` does so when it first judges.
"""

from typing import Any

import great_expectations as gx
from great_expectations.compatibility.pydantic import PrivateAttr

_kinds: Any = gx.expectations


def _keeping_its_configuration(name: str, kind: Any) -> Any:
    """Return a kind of expectation that makes its configuration again only after one of its fields has changed."""

    def configuration(expectation: Any) -> Any:
        if expectation._kept is None or expectation._kept[0] != expectation.__dict__:
            expectation._kept = (dict(expectation.__dict__), kind.configuration.fget(expectation))
        return expectation._kept[1]

    members = {
        "__doc__": kind.__doc__,
        "__module__": __name__,
        "_kept": PrivateAttr(default=None),
        "configuration": property(configuration),
    }
    return type(kind)(name, (kind,), members)


# The names enter the library's registry, and must not be those of its own kinds.
ExpectMeasureBetween = _keeping_its_configuration("ExpectMeasureBetween", _kinds.ExpectColumnValuesToBeBetween)
ExpectMeasureKnown = _keeping_its_configuration("ExpectMeasureKnown", _kinds.ExpectColumnValuesToNotBeNull)
ExpectMeasuresUnique = _keeping_its_configuration("ExpectMeasuresUnique", _kinds.ExpectCompoundColumnsToBeUnique)

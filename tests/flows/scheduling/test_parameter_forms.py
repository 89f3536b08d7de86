"""What the form of Prefect's page asks for, as its server checks it."""

from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, validate

from flows.backfill import backfill
from flows.daily import daily
from flows.halt import halt, resume
from flows.scheduling.parameter_forms import plain

FORM = plain(parameter_schema(daily.fn).model_dump())


def check(values: dict[str, Any], form: dict[str, Any] = FORM) -> None:
    validate(values, form, raise_on_error=True, preprocess=True)


@pytest.mark.parametrize("flow", [daily, backfill, halt, resume], ids=lambda flow: flow.name)
def test_each_parameter_is_one_field_with_a_type(flow: Any) -> None:
    shown = plain(parameter_schema(flow.fn).model_dump())["properties"]
    assert [name for name, field in shown.items() if "type" not in field or "anyOf" in field] == []


def test_only_a_default_that_says_something_is_filled_in() -> None:
    assert {name: field["default"] for name, field in FORM["properties"].items() if "default" in field} == {
        "account": "daily"
    }


def test_what_is_left_out_may_be_sent_as_nothing() -> None:
    check({})
    check({name: None for name in FORM["properties"] if name != "account"})


@pytest.mark.parametrize(
    ("field", "value"), [("strategy", "./rules.py"), ("broker", "mainnet"), ("capital", "much"), ("symbols", "SPY")]
)
def test_a_wrong_value_is_refused_before_a_run_is_made(field: str, value: str) -> None:
    with pytest.raises(ValidationError, match=f"'{value}'"):
        check({field: value})


def test_a_resumption_demands_account_and_reason() -> None:
    form = plain(parameter_schema(resume.fn).model_dump())
    with pytest.raises(ValidationError, match="reason"):
        check({"account": "daily"}, form)
    check({"account": "daily", "reason": "checked"}, form)


def test_a_halt_flattens_only_if_it_is_asked_to() -> None:
    form = plain(parameter_schema(halt.fn).model_dump())
    assert (form["properties"]["flatten"]["type"], form["properties"]["flatten"]["default"]) == ("boolean", False)
    check({"account": "daily", "reason": "out", "flatten": True}, form)

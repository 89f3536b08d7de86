"""Sleeves as a user meets them: named in --strategy, bound and audited one by one, shown with what each has earned."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flows.conftest import Run

CONTRARY = """
from dataclasses import dataclass

import numpy as np
from turbodmt import Strategy


@dataclass(frozen=True)
class Parameters:
    span: int = 20


def signal(bars, parameters):
    close, out = bars.close * bars.factor, np.full(len(bars.close), np.nan)
    span = parameters.span
    for row in range(span - 1, len(close)):
        out[row] = -np.sign(close[row] - close[row + 1 - span : row + 1].mean())
    return out


strategy = Strategy(name="contrary", signal=signal, history_bars=20, sizing="direct", parameters=Parameters())
"""


@pytest.fixture
def contrary(tmp_path: Path) -> Path:
    path = tmp_path / "contrary.py"
    path.write_text(CONTRARY)
    return path


def test_a_file_and_a_name_trade_side_by_side_day_by_day(run: Run, contrary: Path) -> None:
    both = f"{contrary}=0.4+rules=0.5"
    given = ("--symbols", "^GSPC", "--set", "contrary.span=15")
    first = run("daily", "--strategy", both, "--as-of", "2018-12-27", *given, "--json").answer
    assert first["strategy"] == "contrary=0.4+rules=0.5"
    assert first["config"]["sleeves"]["contrary"]["parameters"] == {"span": 15}
    assert [wish["sleeve"] for wish in first["symbols"]["^GSPC"]["sleeves"]] == ["contrary", "rules"]
    # By name each goes on as the account is bound to it.
    named = ("daily", "--strategy", "contrary=0.4+rules=0.5", "--symbols", "^GSPC", "--as-of")
    told = run(*named, "2018-12-28", "--json").answer
    assert told["config"]["sleeves"] == first["config"]["sleeves"]
    profits = [Decimal(sleeve["profit"]) for sleeve in told["sleeves"]]
    assert all(profits)
    assert sum(profits) == Decimal(told["equity"]) - 10_000
    status = run("status", "--json").answer
    assert status["sleeves"] == told["sleeves"]
    (fill,) = told["fills"]
    explained = run("explain", fill["order_id"], "--json").answer
    parts = [Decimal(part["filled"]) for part in explained["sleeves"]]
    sign = 1 if fill["side"] == "buy" else -1
    assert sum(parts) == sign * Decimal(fill["quantity"])
    page = run("explain", fill["order_id"]).out
    assert "Sleeves" in page
    contrary.write_text(CONTRARY.replace("-np.sign", "np.sign"))
    refused = run("daily", "--strategy", both, "--symbols", "^GSPC", "--as-of", "2018-12-31")
    assert refused.code == 2
    assert "bound to version" in refused.err


def test_a_backtest_says_what_each_sleeve_has_earned(run: Run) -> None:
    given = ("backtest", "--strategy", "momentum=risk+rules=risk", "--symbols", "^GSPC", "--start-date", "2018-06-01")
    told = run(*given, "--json").answer
    assert [sleeve["sleeve"] for sleeve in told["sleeves"]] == ["momentum", "rules"]
    earned = sum(Decimal(sleeve["profit"]) for sleeve in told["sleeves"])
    assert float(earned) == pytest.approx(10_000 * told["net"]["total_return"], abs=1e-9)
    assert sum(sleeve["weight"] for sleeve in told["sleeves"]) == pytest.approx(1.0)
    assert told["trials"] == 1
    assert json.dumps(told["config"]["sleeves"]) == '{"momentum": {"weight": "risk"}, "rules": {"weight": "risk"}}'
    assert "sleeve    weight" in run(*given).out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("backtest", "--strategy", "rules=0.5+turbo=0.5"), "the strategy turbo learns, and a sleeve must be a rule"),
        (("backtest", "--strategy", "rules=0.5+momentum"), "sleeves are written NAME=WEIGHT and joined by +"),
        (
            ("backtest", "--strategy", "rules=0.5", "--set", "fast=3"),
            "names none of the sleeves rules; write the sleeve",
        ),
        (("backtest", "--strategy", "rules=0.5+rulez=0.5"), "did you mean rules?"),
    ],
)
def test_sleeves_that_cannot_be_are_refused_in_one_sentence(run: Run, options: tuple[str, ...], said: str) -> None:
    refused = run(*options)
    assert refused.code == 2
    assert said in refused.err
    assert "Traceback" not in refused.err

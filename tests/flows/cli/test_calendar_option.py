"""`--calendar NAME`: what is inferred is said, and what is named rules and is kept."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.config.settings import load
from flows.planning.adapters import open_source
from tests.flows.conftest import Run


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weekdays with two special Saturdays, on which no calendar has a session."""
    monkeypatch.setenv("TURBODMT_HOME", str(tmp_path / "home"))
    days = pd.bdate_range("2024-01-01", "2024-06-28").union(pd.DatetimeIndex(["2024-01-20", "2024-03-02"]))
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 0.01, len(days)))).round(4)
    frame = pd.DataFrame({"date": days, "open": close, "high": close * 1.01, "low": close * 0.99, "close": close})
    path = tmp_path / "nse.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_calendar_that_is_named_rules_and_is_kept(run: Run, file: Path) -> None:
    refused = run("import", file, "--symbol", "NSE")
    assert refused.code == 3
    assert "the calendar weekdays was inferred, as hardly a bar lies on a weekend" in refused.err
    assert "name another with --calendar NAME, or keep the dates as they are with --calendar observed" in refused.err
    unknown = run("import", file, "--symbol", "NSE", "--calendar", "XNSEE")
    assert unknown.code == 2
    assert "no calendar is called 'XNSEE'" in unknown.err
    named = run("import", file, "--symbol", "NSE", "--calendar", "observed", "--json")
    assert named.answer["published"] == {"NSE": 132}
    tested = run("backtest", "--source", f"file:{file}", "--symbols", "NSE", "--strategy", "hold", "--json")
    assert any("named by hand: NSE observed-5" in warning for warning in tested.answer["warnings"])
    settings = load({"source": f"file:{file}", "symbols": "NSE"})
    assert [str(one.calendar) for one in open_source(settings).instruments(("NSE",))] == ["observed-5"]
    run("backtest", "--source", f"file:{file}", "--symbols", "NSE", "--calendar", "inferred", "--json")
    assert [str(one.calendar) for one in open_source(settings).instruments(("NSE",))] == ["weekdays"]

from pathlib import Path

import numpy as np
import pytest

from exchange.sessions import calendars, recorded_sessions
from exchange.sessions.calendars import computed_sessions_and_closes, sessions_and_closes
from exchange.sessions.recorded_sessions import LIBRARY, SHIPPED, record, recorded


def test_the_shipped_sessions_are_those_of_the_locked_release() -> None:
    locked = (Path(__file__).parents[3] / "requirements.lock").read_text()
    with np.load(SHIPPED) as file:
        assert f"\n{LIBRARY}=={file['release']} " in locked


def test_the_shipped_sessions_and_closes_are_those_computed() -> None:
    found = recorded()
    assert found is not None
    for shipped, computed in zip(found, computed_sessions_and_closes("XNYS"), strict=True):
        assert shipped.dtype == computed.dtype
        assert np.array_equal(shipped, computed)


def test_sessions_that_are_recorded_are_read_back(tmp_path: Path) -> None:
    days = np.array(["2020-12-31", "2021-01-04"], "datetime64[D]")
    closes = np.array(["2020-12-31T18:00", "2021-01-04T21:00"], "datetime64[us]")
    record(tmp_path / "two.npz", days, closes)
    found = recorded(tmp_path / "two.npz")
    assert found is not None
    assert [each.tolist() for each in found] == [days.tolist(), closes.tolist()]


def test_another_release_computes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    days = np.array(["2020-12-31"], "datetime64[D]")
    monkeypatch.setattr(recorded_sessions.metadata, "version", lambda _: "4.99.0")
    monkeypatch.setattr(calendars, "computed_sessions_and_closes", lambda name: (name, days))
    assert recorded() is None
    sessions_and_closes.cache_clear()
    try:
        assert sessions_and_closes("XNYS") == ("XNYS", days)
    finally:
        sessions_and_closes.cache_clear()

"""A trained model gets its page once, beside those of accounts, and the page of all accounts leads to it."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from storage import reports
from storage.database import connect
from strategy.builtin.registry import RULES, TURBO
from tasks.data.ingest import ingest
from tasks.model_page.writing import newest_trained, write_model_page
from tasks.models.retrain import retrain
from tasks.overview.facts import Beside, overview
from tasks.overview.page import overview_page
from tasks.validation.gate import validate
from testing.markets.bars import MARKET
from testing.runs.jobs import a_job

DAY = date(2020, 6, 8)


def test_the_page_is_written_once_and_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = a_job(tmp_path, ("COIN",), DAY, TURBO)
    ingest(job, lambda: MARKET)
    validate(job)
    assert write_model_page(job) is None
    retrain(job)
    path = write_model_page(job)
    found = newest_trained(job)
    assert found is not None
    assert path == tmp_path / "reports" / "models" / f"{found[0].model_id[:12]}.html"
    text = path.read_text(encoding="utf-8")
    # Four steps improve nothing.
    assert "trades exactly what the prior trades" in text
    assert "Network 2:" in text
    assert "Stopped early by" in text
    assert '<a href="../index.html" target="_top">All accounts</a>' in text
    assert reports.read_model(tmp_path, path.stem) == path.read_bytes()
    # Measuring the inputs again would take as long as before.
    monkeypatch.setattr("tasks.model_page.writing.model_page", lambda *page: "again")
    assert write_model_page(job) == path
    assert path.read_text(encoding="utf-8") == text
    with connect(tmp_path) as store:
        seen = overview(store, tmp_path, Beside(now=datetime(2020, 6, 9, tzinfo=UTC)))
    assert f'href="models/{path.name}"' in overview_page(seen)


def test_a_rule_without_a_model_has_no_page(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("COIN",), DAY, RULES)
    ingest(job, lambda: MARKET)
    validate(job)
    retrain(job)
    assert write_model_page(job) is None

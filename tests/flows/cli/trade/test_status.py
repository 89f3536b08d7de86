"""An account's status in words."""

from datetime import date

from flows.cli.trade.status import shown_status
from tasks.operations.status import LastRunAnswer, StatusAnswer

NO_DAY = StatusAnswer(
    account="daily",
    broker="paper",
    as_of=None,
    equity=None,
    cash=None,
    positions={},
    exposures={},
    drawdown=None,
    open_orders=(),
    strategy=None,
    model_id=None,
    halted=False,
    halted_since=None,
    halted_reason=None,
    data=(),
    held_back=(),
    last_run=None,
)
RUN = LastRunAnswer(
    command="daily", as_of=date(2020, 1, 2), started_at="2020-01-03T00:05:00+00:00", status="done", warnings=()
)


def test_an_account_without_a_day_says_how_to_make_one() -> None:
    assert shown_status(NO_DAY) == "Account daily has no day yet; `turbodmt daily` makes its first."
    desk = NO_DAY.model_copy(update={"account": "desk"})
    assert shown_status(desk).endswith("; `turbodmt daily --account desk` makes its first.")


def test_a_backfill_that_was_killed_before_its_first_day_is_not_sent_to_daily() -> None:
    run = RUN.model_copy(update={"command": "backfill", "status": "running or killed"})
    assert shown_status(NO_DAY.model_copy(update={"account": "past", "last_run": run})) == (
        "Account past has no day yet; its backfill, begun 2020-01-03T00:05:00+00:00, is running or killed. The same "
        "`turbodmt backfill` fills it; `turbodmt accounts forget past` removes it."
    )


def test_a_halted_account_says_so() -> None:
    day = {"as_of": "2020-01-02", "equity": "1", "cash": "1", "drawdown": 0.25, "strategy": "rules", "last_run": RUN}
    held = {"positions": {"A": "2"}, "exposures": {"A": -0.5}, "held_back": ["B"]}
    text = shown_status(
        StatusAnswer.model_validate({**dict(NO_DAY), **day, **held, "halted": True, "halted_reason": "why"})
    )
    assert "rules, no network, on paper; drawdown 25.0%, halted: why" in text
    assert "Held back: B" in text
    assert "A       2         -50.0%" in text
    assert "Last run: 2020-01-02, begun 2020-01-03T00:05:00+00:00, done" in text


def test_a_day_that_failed_before_its_decision_says_so() -> None:
    day = {"as_of": "2020-01-02", "equity": "1", "cash": "1", "drawdown": 0.0}
    last = RUN.model_copy(update={"status": "failed"})
    text = shown_status(StatusAnswer.model_validate({**dict(NO_DAY), **day, "last_run": last}))
    assert "nothing decided that day, on paper; drawdown 0.0%, not halted" in text
    assert "None" not in text

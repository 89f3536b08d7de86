"""What the state and the log of a failing run say."""

import logging
from datetime import UTC, datetime

import pytest
from prefect.states import State

from flows.runs.run_states import DayWaits, ended_well, in_one_sentence, taken_over
from flows.server.environment import OfABug
from strategy.exit_codes import UsageError
from tasks.daily.order import AccountHalted


def failing(error: Exception) -> str:
    raise error


def test_a_failure_that_has_an_exit_code_is_the_state_s_message() -> None:
    failure = UsageError("say why")
    state: object = in_one_sentence(lambda: failing(failure))
    assert isinstance(state, State)
    assert (state.is_failed(), state.message, state.data) == (True, "say why", failure)


def test_a_day_that_a_halt_has_cut_is_named_so() -> None:
    state: object = in_one_sentence(lambda: failing(AccountHalted("orders were withheld")))
    assert isinstance(state, State)
    assert (state.is_failed(), state.name, state.message) == (True, "Halted", "orders were withheld")


def test_a_bug_is_raised_and_an_answer_returned() -> None:
    with pytest.raises(KeyError, match="nobody's"):
        in_one_sentence(lambda: failing(KeyError("nobody's")))
    assert in_one_sentence(lambda: "done") == "done"


@pytest.mark.parametrize(("error", "kept"), [(UsageError("say why"), False), (KeyError("nobody's"), True)])
def test_the_log_keeps_the_traceback_of_a_bug_alone(error: Exception, kept: bool) -> None:
    record = logging.LogRecord("prefect.task_runs", logging.ERROR, "", 0, "failed", (), (type(error), error, None))
    assert OfABug().filter(record) is kept


def test_a_line_without_a_traceback_is_kept() -> None:
    assert OfABug().filter(logging.LogRecord("prefect.flow_runs", logging.INFO, "", 0, "done", (), None))


def test_an_answer_goes_with_the_sentence_that_a_run_ends_with() -> None:
    state: object = ended_well("answer", "All is well.")
    assert isinstance(state, State)
    assert (state.is_completed(), state.message, state.data) == (True, "All is well.", "answer")


def test_a_day_that_waits_ends_well_if_it_is_tried_again_and_else_as_failed_under_the_same_name() -> None:
    again: object = in_one_sentence(lambda: failing(DayWaits("the source is down", tried_again=True)))
    last: object = in_one_sentence(lambda: failing(DayWaits("the source is down", tried_again=False)))
    assert isinstance(again, State)
    assert isinstance(last, State)
    assert (again.is_completed(), again.name, again.message) == (True, "Waiting", "the source is down")
    assert (last.is_failed(), last.name) == (True, "Waiting")


def test_a_run_whose_place_another_takes_ends_well_and_is_named_so() -> None:
    state = taken_over(datetime(2026, 3, 6, 0, 35, tzinfo=UTC))
    told = (state.is_completed(), state.name, state.message)
    assert told == (True, "Skipped", "The run that was due at 2026-03-06 00:35 UTC takes its place.")

"""Counted work: a line now and then in a pipe, a bar on a terminal, and nothing of work that is soon done."""

import sys
from collections.abc import Iterator
from io import StringIO

import pytest

from flows.runs import work_progress
from flows.runs.work_progress import WorkLines, work_told
from strategy.work_progress import TrainingAhead, TrainingStep, WorkName, WorkStep, counted, listening, told

SWEEP, FETCH = WorkName(name="Sweep", unit="points"), WorkName(name="Fetching bars", unit="symbols")


class Terminal(StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def ticking(step_s: float) -> Iterator[float]:
    now_s = 0.0
    while True:
        yield now_s
        now_s += step_s


def lines(steps: int, step_s: float) -> list[str]:
    """What is said of so many steps that take so long each."""
    said: list[str] = []
    now_s = 0.0
    with listening(WorkLines(said.append, lambda: now_s)):
        for _ in counted(range(steps), SWEEP, steps):
            now_s += step_s
    return said


def test_a_line_comes_every_ten_seconds_with_rate_and_time_left() -> None:
    assert lines(12, 4.0) == [
        "Sweep: 3 of 12 points, 15.0 points/min, about 36 s left\n",
        "Sweep: 6 of 12 points, 15.0 points/min, about 24 s left\n",
        "Sweep: 9 of 12 points, 15.0 points/min, about 12 s left\n",
    ]


def test_work_that_is_soon_done_is_not_mentioned() -> None:
    assert lines(12, 0.5) == []


def test_many_short_works_one_after_another_are_not_silent_all_together() -> None:
    said: list[str] = []
    now_s = 0.0
    with listening(WorkLines(said.append, lambda: now_s)):
        for number in range(4):
            for _ in counted(range(3), WorkName(name=f"Work {number}", unit="pieces"), 3):
                now_s += 2.0
    assert said == [
        "Work 1: 2 of 3 pieces, 30.0 pieces/min, about 2 s left\n",
        "Work 3: 1 of 3 pieces, 30.0 pieces/min, about 4 s left\n",
    ]


def test_work_within_work_is_not_told_beside_it_and_is_told_after_it() -> None:
    said: list[str] = []
    clock = ticking(20.0)
    with listening(WorkLines(said.append, lambda: next(clock))):
        for _ in counted(range(3), SWEEP, 3):
            for _ in counted(range(9), FETCH, 9):
                pass
        assert {line.partition(":")[0] for line in said} == {"Sweep"}
        for _ in counted(range(3), FETCH, 3):
            pass
    assert {line.partition(":")[0] for line in said} == {"Sweep", "Fetching bars"}


def test_without_a_listener_nothing_is_told() -> None:
    told(WorkStep(work=SWEEP, done=1, total=2))
    assert list(counted("ab", SWEEP, 2)) == ["a", "b"]


def test_a_terminal_shows_a_bar_while_the_work_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(work_progress, "SHOWN_AFTER_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with work_told():
        for number in counted(range(3), SWEEP, 3):
            if number == 2:
                shown = terminal.getvalue()
    assert "Sweep" in shown
    assert "1/3" in shown
    assert "points/" in terminal.getvalue()
    # The bar takes itself away, and shows the cursor again, also after Ctrl-C.
    assert terminal.getvalue().rstrip().endswith("\x1b[2K")
    before = len(terminal.getvalue())
    with pytest.raises(KeyboardInterrupt, match=r"^$"), work_told():  # noqa: PT012
        for number in counted(range(3), SWEEP, 3):
            if number == 2:
                raise KeyboardInterrupt
    assert "\x1b[?25h" in terminal.getvalue()[before:]


def test_a_training_within_counted_work_is_shown_by_the_same_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(work_progress, "SHOWN_AFTER_S", 0.0)
    with work_told():
        for _ in counted(range(2), SWEEP, 2):
            told(TrainingAhead(trainings=1, seconds=None))
            for step in range(1, 4):
                told(TrainingStep(step=step, most=4))
    shown = terminal.getvalue()
    assert "none like it was measured in this home" in shown
    assert "3/4" in shown
    # Two bars at once would take two lines.
    assert "\x1b[2A" not in shown


def test_a_pipe_stays_quiet_of_short_work(capsys: pytest.CaptureFixture[str]) -> None:
    with work_told():
        list(counted(range(3), SWEEP, 3))
    assert capsys.readouterr() == ("", "")

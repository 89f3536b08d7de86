"""An account that is flattened, by runs that die anywhere: one set of orders, nothing left, and it can be resumed."""

import json
import subprocess
import sys

import pytest

from testing.simulation.crashes import ROOT
from testing.simulation.killed_flattening import CLOSING
from testing.simulation.year import SLEEVED, VENUES


def lived(sample: int, *venues: str) -> dict[str, dict[str, dict[str, int]]]:
    """What became of so many deaths in each step at each venue (0: of all); forked from a process without threads."""
    command = [sys.executable, "-W", "ignore", "-m", "testing.simulation.killed_flattening", str(sample), "0", *venues]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)  # type: ignore[no-any-return]


STEPS = ["flatten", *(f"day {number}" for number in range(1, CLOSING + 1)), "resume"]
BROKERS = [venue for venue in VENUES if venue != SLEEVED]


def test_a_flattening_that_dies_at_any_step_is_finished_by_the_runs_that_follow() -> None:
    told = lived(1, *BROKERS)
    assert [each["wrong"] for each in told.values()] == [[]] * len(BROKERS)
    assert [each["deaths"] for each in told.values()] == [dict.fromkeys(STEPS, 1)] * len(BROKERS)


@pytest.mark.slow
@pytest.mark.parametrize("venue", BROKERS)
def test_a_flattening_that_dies_before_anything_that_it_writes_or_asks_is_finished(venue: str) -> None:
    told = lived(0, venue)[venue]
    assert told["wrong"] == []
    assert sum(told["deaths"].values()) > 50

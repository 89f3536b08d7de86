"""A run's strategy of the user's own: what the settings and it may not have in common."""

from pathlib import Path

import pytest

from flows.config.settings import load
from flows.planning.plan import RequestRefused, strategies_named, strategy_of
from testing.runs.own_strategies import SPEEDS, a_file


def test_a_parameter_may_not_have_the_name_of_a_setting(home: Path, tmp_path: Path) -> None:
    """`--set seed=3` would change the setting, and the strategy would go on as before."""
    file = a_file(tmp_path, SPEEDS.replace("size", "seed"))
    settings = load({"home": home, "strategy": file})
    for named in (lambda: strategy_of(settings), lambda: strategies_named(f"{file},hold", settings)):
        with pytest.raises(RequestRefused, match="has a parameter seed, the name of a setting"):
            named()
    assert strategy_of(load({"home": home, "strategy": a_file(tmp_path, SPEEDS)})).name == "speeds"

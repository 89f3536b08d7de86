"""Tests of tasks hold their stores: most of them live days of fifty connections each in one process.

Those in this folder itself kill processes that run beside them.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from testing.accounts.held_stores import stores_held

_HERE = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run the test, and what it shares with its module, on stores that stay attached."""
    if _HERE not in item.path.parent.parents or item.get_closest_marker("server"):
        return (yield)
    with stores_held():
        return (yield)

"""Common set-up of every test: no trace in the user's home, no telemetry, the same examples every time."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# What is imported and collected lives until the end: looking for garbage in it takes a fifth of the collection.
gc.disable()

#: Files of tests lie in memory where there is this much of it: waiting for a disk is most of what a small store does.
_MEMORY, _LEAST_BYTES = Path("/dev/shm"), 4_000_000_000


def _in_memory() -> bool:
    """Return whether the memory is large enough, ours to write, and may hold the library that shifts clocks."""
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)):
        return False
    memory = os.statvfs(_MEMORY)
    return memory.f_bavail * memory.f_frsize >= _LEAST_BYTES and not memory.f_flag & os.ST_NOEXEC


if _in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
# Prefect and Great Expectations read these when they are imported, hence before any fixture runs.
_SESSION = tempfile.TemporaryDirectory(
    prefix="turbodmt-tests-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"), ignore_cleanup_errors=True
)
for _name in [name for name in os.environ if name.startswith(("TURBODMT_", "PREFECT_"))]:
    del os.environ[_name]
os.environ.update(
    DO_NOT_TRACK="1",
    GX_ANALYTICS_ENABLED="false",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_HOME=str(Path(_SESSION.name) / "prefect"),
    TURBODMT_HOME=str(Path(_SESSION.name) / "home"),
    # Most made-up bars lie after the shipped bills; tests of the defaults ask for `default_rates`.
    TURBODMT_FINANCING_RATE="0.05",
)
# Threads of BLAS and torch that wait for one another spin, at the cost of the tests beside them.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")

import hypothesis  # noqa: E402
import pytest  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from testing.accounts.new_stores import stores_copied  # noqa: E402
from testing.accounts.parsed_statements import statements_parsed_once  # noqa: E402

#: The files that take longest; begun last, one of them would keep the other processes waiting. Those that wait for
#: servers stand between those that compute, so that not all processes wait at once.
_LONGEST = (
    *(
        "flows/test_left_alone",
        "flows/test_prefect_ui",
        "tasks/backfill/test_run",
        "tasks/test_crash_at_brokers",
    ),
    *(
        "tasks/broker/test_reconciliation",
        "flows/scheduling/test_server",
        "tasks/daily/test_parity",
        "flows/cli/operate/test_up",
    ),
    *(
        "tasks/test_crash",
        "tasks/operations/test_adopt",
        "tasks/daily/test_passes",
        "tasks/backtest/test_walk_forward",
    ),
    *("test_notebooks", "tasks/daily/test_flattening", "flows/test_daily", "tasks/audit/test_window"),
    *("tasks/test_killed_flattening", "flows/test_backfill", "flows/planning/test_api_keys", "flows/test_watchdog"),
    *("tasks/daily/test_currencies", "strategy/training/test_planted", "tasks/models/test_file_learners"),
)
_RANKS = {Path(__file__).parent / f"{name}.py": rank for rank, name in enumerate(_LONGEST)}

#: Without 3D Prefect's page leaves its graph of a run empty, which costs more to draw than all the rest. With the
#: others Chromium asks no host of its maker; as root it has no sandbox.
_CHROMIUM_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-3d-apis", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

# A busy machine draws examples slowly, which is no fault of the test.
hypothesis.settings.register_profile(
    "turbodmt",
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# Of a mutant, any counterexample will do.
hypothesis.settings.register_profile(
    "mutants",
    hypothesis.settings.get_profile("turbodmt"),
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.load_profile("turbodmt")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the rest keeps its order."""
    items.sort(key=lambda item: _RANKS.get(item.path, len(_RANKS)))


def pytest_collection_finish() -> None:
    """Keep what tests compile, find of bars and draw of pasts, if they may do any of it. Garbage counts from now on.

    To import that takes seconds.
    """
    if "strategy.kernel.autograd" in sys.modules:
        from testing.runs.compiled_passes import keep_compiled

        keep_compiled()
    if "tasks.validation.suite" in sys.modules:
        from testing.runs.remembered_verdicts import remember_verdicts

        remember_verdicts()
    if "tasks.daily.expectation" in sys.modules:
        from testing.runs.remembered_limits import remember_limits

        remember_limits()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own TURBODMT_HOME; not created."""
    folder = tmp_path / "turbodmt-home"
    monkeypatch.setenv("TURBODMT_HOME", str(folder))
    return folder


@pytest.fixture
def default_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing; a run has the rates that an installation has without any setting."""
    monkeypatch.delenv("TURBODMT_FINANCING_RATE")


@pytest.fixture(scope="session", autouse=True)
def _sweep() -> Iterator[None]:
    """Nothing; the session's folder goes when the session does."""
    yield
    _SESSION.cleanup()


@pytest.fixture(scope="session", autouse=True)
def _stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """New stores are copies of one; what tests how a store is made has it made anew. DuckDB parses a statement once."""
    with stores_copied(tmp_path_factory.mktemp("store")), statements_parsed_once():
        yield


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium; where there is none the test is skipped, or fails if REQUIRE_BROWSER=1."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail("REQUIRE_BROWSER=1, but there is no Chromium on PATH; install it")
        pytest.skip("there is no Chromium on PATH")
    return path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium without a page, closed after the module.

    Playwright's loop runs in this thread until then, where nothing else may run one: hence not for the session.
    """
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=_CHROMIUM_OPTIONS)
        yield opened
        opened.close()

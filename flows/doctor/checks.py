"""Checks of the installation, each with what to do about it."""

import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from flows.config.settings import Settings, load
from flows.doctor.check import CheckAnswer
from flows.doctor.clock_check import compare_clocks
from flows.doctor.environment_names import remedy_of, strange_names
from flows.doctor.server_check import server_checks
from strategy.exit_codes import Remedied
from tasks.run.answers import Answer

#: With less free space a training or a report may fail.
LEAST_FREE_BYTES = 1_000_000_000
#: Days of bars fetched to test the source.
FETCHED = timedelta(days=10)


class DoctorAnswer(Answer):
    """The answer of `turbodmt doctor`: every check, and whether all passed."""

    ok: bool
    checks: tuple[CheckAnswer, ...]


def run_doctor(given: Mapping[str, object]) -> DoctorAnswer:
    """Return every check with its verdict, detail and remedy; if the settings are wrong, only checks that need none."""
    try:
        settings = load(given)
    except Remedied as error:
        checks = [_python(), *_pins(), _environment(), _failed("settings", error)]
        return DoctorAnswer(ok=False, checks=tuple(checks))
    home = settings.home
    checks = [_python(), *_pins(), _environment(), _disk(home), _store(home), _private(home), _sample()]
    source, silent = _source(settings)
    sound = all(check.ok for check in (*checks, *source) if check.name in ("store", "privacy", "source"))
    checks += [*source, *(_rates(settings) if sound else []), *_keys(settings)]
    checks += [_incomparable("the source does not answer") if silent else _clock(settings), *server_checks(home)]
    return DoctorAnswer(ok=all(check.ok for check in checks), checks=tuple(checks))


def _check(name: str, ok: bool, detail: str, remedy: str) -> CheckAnswer:
    return CheckAnswer(name=name, ok=ok, detail=detail, remedy="" if ok else remedy)


def _failed(name: str, error: Remedied) -> CheckAnswer:
    """Return the failed check, with the description and remedy of its error."""
    return _check(name, False, error.what, error.remedy or error.what)


def _python() -> CheckAnswer:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return _check("python", sys.version_info >= (3, 11), found, "install Python 3.11 or newer and run make again")


def _pins() -> list[CheckAnswer]:
    """Return one check per dependency that is missing or outside its range; a single passed one if all are inside."""
    wrong = []
    needed = [Requirement(text) for text in requires("turbodmt") or []]
    plain = [
        requirement
        for requirement in needed
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    for requirement in plain:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            installed = None
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            detail = f"{installed or 'missing'}, known to work is {requirement.specifier}"
            wrong.append(_check(requirement.name, False, detail, f"pip install '{requirement}'"))
    return wrong or [_check("packages", True, f"{len(plain)} within the ranges known to work", "")]


def _disk(home: Path) -> CheckAnswer:
    folder = next(parent for parent in (home, *home.parents) if parent.exists())
    free_bytes = shutil.disk_usage(folder).free
    detail = f"{free_bytes / 1e9:.1f} GB free where {home} lies"
    return _check("disk", free_bytes >= LEAST_FREE_BYTES, detail, "free at least 1 GB, or name another --home")


def _store(home: Path) -> CheckAnswer:
    from storage.bars import published as bar_store
    from storage.database import connect
    from storage.errors import StoreError

    try:
        with connect(home) as store:
            series = bar_store.published_counts(store)
    except StoreError as error:
        return _failed("store", error)
    return _check("store", True, f"{len(series)} series, {sum(published.rows for published in series)} bars", "")


def _private(home: Path) -> CheckAnswer:
    if not home.is_dir():
        return _check("privacy", False, f"{home} is not a folder", "name a writable folder with --home")
    mode = home.stat().st_mode & 0o777
    return _check("privacy", mode & 0o077 == 0, f"{home} has mode {mode:o}", f"chmod 700 {home}")


def _sample() -> CheckAnswer:
    return _answers("sample", lambda: f"last session {_last_sample_session()}", "install requirements.lock again")


def _last_sample_session() -> object:
    from exchange.bars.sample import SampleBars
    from flows.config.wall_clock import clock

    source = SampleBars()
    return source.last_session(source.symbols(), clock())


def _answers(name: str, ask: Callable[[], str], remedy: str) -> CheckAnswer:
    try:
        return _check(name, True, ask(), "")
    except (ValueError, OSError) as error:
        return _check(name, False, str(error), remedy)


def _environment() -> CheckAnswer:
    """Return the check that something reads every TURBODMT_ name in the environment."""
    strange = strange_names()
    if not strange:
        return _check("environment", True, "every TURBODMT_ name is known", "")
    return _check("environment", False, f"{', '.join(strange)}: read by nobody", remedy_of(strange[0]))


def _clock(settings: Settings) -> CheckAnswer:
    from exchange.ports import SourceUnavailable

    try:
        return _check("clock", *compare_clocks(settings))
    except SourceUnavailable as error:
        return _incomparable(str(error))


def _incomparable(reason: str) -> CheckAnswer:
    return _check("clock", False, f"not compared: {reason}", "correct that, and run the doctor again")


def _source(settings: Settings) -> tuple[list[CheckAnswer], bool]:
    """Return the check of an external source, and whether it is unavailable, which takes a while to find out."""
    from exchange.ports import SourceUnavailable

    if settings.source == "sample":
        return [], False
    try:
        remedy = "correct the source or the symbols in settings.toml or the environment"
        return [_answers("source", lambda: _newest(settings), remedy)], False
    except SourceUnavailable as error:
        return [_check("source", False, str(error), "check the network, or try again later")], True


def _rates(settings: Settings) -> list[CheckAnswer]:
    """Return the check of the rates that accounts read, which may come from a source that does not answer."""
    from exchange.ports import SourceUnavailable
    from flows.doctor.rates_check import rates_check

    try:
        return [rates_check(settings)]
    except SourceUnavailable as error:
        return [_check("rates", False, str(error), "check the network, or try again later")]


def _keys(settings: Settings) -> list[CheckAnswer]:
    """Return the check of the keys of an external broker."""
    from flows.planning.api_keys import KeysMissing, testnet_keys
    from flows.server.run_server import PrefectUnreachable

    if settings.broker == "paper":
        return []
    try:
        testnet_keys(settings.home)
    except KeysMissing as error:
        return [_check("keys", False, str(error), f"make them at the site of {settings.broker}")]
    except PrefectUnreachable as error:
        return [_check("keys", False, str(error), "correct that, and run the doctor again")]
    return [_check("keys", True, f"{settings.broker}: there, and not shown", "")]


def _newest(settings: Settings) -> str:
    """Return a sentence on the source's last session and the first symbol's newest bars.

    Raises SourceRefused for a symbol that it does not have, SourceUnavailable.
    """
    from exchange.ports import BarRequest, SourceRefused
    from flows.config.wall_clock import clock
    from flows.planning.adapters import open_source

    source, now = open_source(settings), clock()
    symbols = settings.symbols or source.symbols()
    last = source.last_session(symbols, now)
    source.instruments(symbols)
    first, since = symbols[0], last - FETCHED
    bars = source.fetch(BarRequest(since={first: since}, until=last, now=now))
    # In a recorded source a symbol may end earlier than the others.
    if source.streaming and not len(bars):
        raise SourceRefused(f"{source.name} has no bar of {first} from {since} to {last}; check the symbol's spelling")
    return f"{source.name}: last session {last}, {len(bars)} bars of {first} since {since}"

"""The outside world is refused to a strategy's file, with the line, and granted to libraries where it is harmless."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from strategy.signals.evaluation import evaluate
from strategy.signals.faults import Check, Fault, StrategyRefused
from tasks.strategy_process.child_process import end_children
from tasks.strategy_process.opening import open_strategy
from tasks.strategy_process.outside_world import Guard
from testing.markets.panels import market, walk

BARS = market(walk("A", 1, 80))
IMPORTS = "import ctypes, datetime, os, pathlib, random, socket, subprocess, sys, time; import datetime as dt\n"


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    end_children()


def file(*lines: str, before: str = "") -> bytes:
    """A file of one line of imports and one line before the signal, which is line 3 and runs these lines from 4 on."""
    body = "\n".join(f"    {line}" for line in (*lines, "return bars.close * 0"))
    return (
        f"{IMPORTS}{before}\ndef signal(bars):\n{body}\n"
        "from turbodmt import Strategy\nstrategy = Strategy(name='mine', signal=signal, history_bars=1)\n"
    ).encode()


REACHES = [
    ("open('eps.csv').read()", "opens .*/eps.csv"),
    ("pathlib.Path('/etc/passwd').read_text()", "opens /etc/passwd"),
    ("os.open('/etc/passwd', os.O_RDONLY)", "opens /etc/passwd"),
    ("open('/proc/1/environ')", "opens /proc/1/environ"),
    ("os.listdir('.')", "lists /"),
    ("list(os.scandir())", "lists /"),
    ("list(pathlib.Path().glob('*.csv'))", "(lists /|looks for )"),
    ("open('/tmp/out.csv', 'w')", "writes /tmp/out.csv"),
    ("open(os.__file__, 'a')", "writes .*/os.py"),
    ("os.remove('eps.csv')", "changes eps.csv"),
    ("os.mkdir('results')", "changes results"),
    ("import sqlite3; sqlite3.connect('a.db')", "opens the database a.db"),
    ("socket.socket()", "uses the network"),
    ("socket.getaddrinfo('localhost', 80)", "uses the network"),
    ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')", "uses the network"),
    ("subprocess.run(['true'])", "starts or ends a process"),
    ("os.system('true')", "starts or ends a process"),
    ("os.fork()", "starts or ends a process"),
    ("os.execv('/bin/true', ['true'])", "starts or ends a process"),
    ("os.posix_spawn('/bin/true', ['true'], {})", "starts or ends a process"),
    ("ctypes.CDLL('libc.so.6')", "loads the library libc.so.6"),
    ("os.environ['API_KEY']", "reads the environment variable API_KEY"),
    ("os.environ.get('API_KEY', '')", "reads the environment variable API_KEY"),
    ("os.getenv('HOME')", "reads the environment variable HOME"),
    ("os.environb.get(b'HOME')", "reads the environment variable HOME"),
    ("'API_KEY' in os.environ", "reads the environment variable API_KEY"),
    ("dict(os.environ)", "reads the environment variables"),
    ("time.time()", "reads the clock with time.time"),
    ("time.time_ns()", "reads the clock with time.time_ns"),
    ("time.localtime()", "reads the clock with time.localtime"),
    ("time.gmtime(None)", "reads the clock with time.gmtime"),
    ("time.ctime()", "reads the clock with time.ctime"),
    ("time.strftime('%Y')", "reads the clock with time.strftime"),
    ("datetime.datetime.now()", "reads the clock with datetime.now"),
    ("dt.datetime.now(dt.timezone.utc)", "reads the clock with datetime.now"),
    ("dt.datetime.utcnow()", "reads the clock with datetime.utcnow"),
    ("dt.date.today()", "reads the clock with (date.today|time.time)"),
]
#: What tells of files, libraries, the process or the machine without opening anything.
STATE = [
    ("ctypes.CDLL(None)", "loads the libraries of the process"),
    ("ctypes.pythonapi.Py_GetVersion", "calls Py_GetVersion of a library"),
    ("import sqlite3; sqlite3.connect(':memory:')", "opens the database :memory:"),
    ("os.listdir('/sys')", "lists /sys"),
    ("list(pathlib.Path(os.__file__).parent.iterdir())", "lists /"),
    ("os.stat('/etc/passwd')", "looks for /etc/passwd"),
    ("os.path.exists('eps.csv')", "looks for eps.csv"),
    ("pathlib.Path('eps.csv').exists()", "looks for eps.csv"),
    ("os.path.getsize('/etc/passwd')", "looks for /etc/passwd"),
    ("os.access('/etc/passwd', os.R_OK)", "looks for /etc/passwd"),
    ("os.getpid()", "reads the state of the machine with os.getpid"),
    ("os.uname()", "reads the state of the machine with os.uname"),
]
HARMLESS = [
    "os.path.exists(os.__file__); os.read(0, 1); import zoneinfo; zoneinfo.available_timezones()",
    "time.perf_counter(); time.monotonic(); time.sleep(0)",
    "time.gmtime(0); time.localtime(0); time.ctime(0); time.strftime('%Y', time.gmtime(0))",
    "dt.datetime(2020, 1, 1); dt.date.fromisoformat('2020-01-01'); dt.datetime.fromtimestamp(0)",
    "open('/proc/cpuinfo').close(); open('/dev/urandom', 'rb').read(1); open(os.devnull, 'w').close()",
    "import zoneinfo; zoneinfo.ZoneInfo('America/New_York')",
    "import inspect; inspect.getsource(signal)",
    "import uuid, decimal, fractions, statistics, json, logging, tempfile, multiprocessing, asyncio",
    "os.environ['OMP_NUM_THREADS'] = '1'; os.environ.setdefault('TZ', 'UTC'); os.environ.setdefault('MINE', '1')",
    "os.path.expanduser('~'); import shutil; shutil.get_terminal_size()",
    "import warnings; warnings.warn('so'); import traceback; traceback.format_stack()",
    "import importlib.metadata; importlib.metadata.version('numpy')",
]


def faults_of(lines: list[str], before: str = "") -> dict[str, Fault]:
    """The faults of lines by their numbers, each run on a symbol of its own, the line n at 4 + 2n of the file."""
    branches = [part for n, line in enumerate(lines) for part in (f"if bars.symbol == '{n}':", f"    {line}")]
    bars = {str(n): replace(BARS["A"], symbol=str(n)) for n in range(len(lines))}
    return dict(evaluate(open_strategy(file(*branches, before=before), "mine.py"), bars).faults)


def test_a_call_that_reaches_out_is_refused_with_its_line() -> None:
    faults = faults_of([line for line, _ in REACHES])
    for n, (_, words) in enumerate(REACHES):
        assert faults[str(n)].check is Check.OUTSIDE_WORLD, faults[str(n)]
        pattern = rf"mine.py, line {5 + 2 * n}: {words}.*; a strategy sees the bars that it is given"
        assert re.match(pattern, faults[str(n)].message), faults[str(n)]


def test_a_call_that_reads_the_state_of_the_system_is_refused_with_its_line() -> None:
    faults = faults_of([line for line, _ in STATE])
    for n, (_, words) in enumerate(STATE):
        assert faults[str(n)].check is Check.OUTSIDE_WORLD, faults[str(n)]
        assert re.match(rf"mine.py, line {5 + 2 * n}: {words}", faults[str(n)].message), faults[str(n)]


@pytest.mark.parametrize(("line", "words"), [REACHES[0], REACHES[12], REACHES[21], REACHES[27], REACHES[-2]])
def test_a_file_that_reaches_out_while_it_is_loaded_is_refused(line: str, words: str) -> None:
    with pytest.raises(StrategyRefused, match=rf"refused \(outside_world\): mine.py, line 2: {words}"):
        open_strategy(file(before=line), "mine.py")


@pytest.mark.parametrize("line", [REACHES[0][0], REACHES[14][0], REACHES[21][0], REACHES[27][0]])
def test_a_refusal_that_the_file_catches_is_seen(line: str) -> None:
    caught = ("try:", f"    {line}", "except Exception:", "    pass")
    fault = evaluate(open_strategy(file(*caught), "mine.py"), BARS).faults["A"]
    assert fault.check is Check.OUTSIDE_WORLD
    assert fault.message.startswith("mine.py, line 5: ")


def test_what_is_harmless_is_granted() -> None:
    assert faults_of(HARMLESS) == {}


def test_pandas_reaches_out_no_more_than_the_file() -> None:
    reaches = [
        ("pd.Timestamp.now()", "reads the clock with Timestamp.now"),
        ("pd.Timestamp.today('UTC')", "reads the clock with Timestamp.today"),
        ("pd.read_csv('eps.csv')", "opens .*/eps.csv"),
        ("pd.Series([1]).to_csv('out.csv')", "writes .*/out.csv"),
    ]
    faults = faults_of([line for line, _ in reaches], before="import pandas as pd")
    for n, (_, words) in enumerate(reaches):
        assert faults[str(n)].check is Check.OUTSIDE_WORLD, faults[str(n)]
        assert re.match(f"mine.py, line {5 + 2 * n}: {words}", faults[str(n)].message), faults[str(n)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import numpy as np; np.datetime64('now')", r"datetime64\('now'\)"),
        ("import pandas as pd; pd.Timestamp('today')", r"Timestamp\('today'\)"),
    ],
)
def test_a_word_for_the_present_is_refused(line: str, words: str) -> None:
    with pytest.raises(StrategyRefused, match=f"mine.py, line 4: reads the clock with {words}"):
        open_strategy(file(line), "mine.py")


def test_libraries_work_under_the_guard() -> None:
    """pandas and SciPy load their parts, time zones and compiled code when they are first used."""
    lines = (
        "close = pd.Series(bars.close, index=pd.DatetimeIndex(bars.open_time).tz_localize('America/New_York'))",
        "weekly = close.resample('W-FRI').last()",
        "smooth = ndimage.gaussian_filter1d(signal_.lfilter([0.5, 0.5], 1, bars.close), 2)",
        "stats.norm.cdf(smooth)",
    )
    before = "import pandas as pd; from scipy import ndimage, stats, signal as signal_"
    assert evaluate(open_strategy(file(*lines, before=before), "mine.py"), BARS).faults == {}


def test_what_a_package_may_not_do_explains_the_error_of_the_operating_system_that_follows() -> None:
    """A package that cannot write its settings says that no folder is left for them; elsewhere it does without."""
    guard = Guard("mine.py")
    refusal = guard.refuse("changes /home/settings")
    assert guard.take(OSError("there is no folder for settings")) is refusal
    assert guard.take(OSError("for another reason")) is None
    guard.refuse("changes /home/settings")
    assert guard.take(ValueError("for another reason")) is None
    guard.refuse("changes /home/settings")
    assert guard.take() is None


def test_a_refusal_is_that_of_its_own_call() -> None:
    lines = ("try:", "    if bars.symbol == 'A': open('eps.csv')", "except OSError:", "    open('other.csv')")
    bars = {name: replace(BARS["A"], symbol=name) for name in "AB"}
    assert list(evaluate(open_strategy(file(*lines), "mine.py"), bars).faults) == ["A"]

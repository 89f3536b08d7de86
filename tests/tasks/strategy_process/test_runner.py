"""A strategy's code runs in a process of its own, with the bits of this one, whatever that process does."""

import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from strategy.market.bars import Bars
from strategy.market.own_columns import Lag
from strategy.signals.evaluation import evaluate, evaluate_here
from strategy.signals.faults import Check, StrategyRefused
from strategy.signals.strategies import Evaluated, Sizing, Strategy
from tasks.strategy_process import child_process
from tasks.strategy_process.child_process import StrategyFile, TimeLimits, child_of, end_children
from tasks.strategy_process.frames import Message
from tasks.strategy_process.loading import load_strategy
from tasks.strategy_process.opening import open_strategy
from tasks.strategy_process.runner import ChildRunner
from testing.markets.panels import market, stock, walk

ROOT = Path(__file__).parents[3]
BARS = market(walk("A", 1, 700), stock("B", 2, 400), walk("C", 3, 90))
SYMBOL = b"""
from dataclasses import dataclass
import numpy as np
from turbodmt import Strategy

@dataclass(frozen=True)
class Speeds:
    days: int = 20

def signal(bars, parameters):
    n = parameters.days
    close = bars.close * bars.factor
    out = np.full(len(close), np.nan)
    for row in range(n - 1, len(close)):
        out[row] = np.tanh(close[row] / close[row + 1 - n : row + 1].mean() - 1)
    return out

def inputs(bars):
    return {"close": bars.close[-1], "unknown": np.nan}

strategy = Strategy(name="mean", signal=signal, history_bars=20, parameters=Speeds(), sizing="full", inputs=inputs)
"""
PANEL = b"""
import numpy as np
from turbodmt import Strategy

def signals(panel):
    close = np.nan_to_num(panel.close * panel.factor)
    change = np.full(close.shape, np.nan)
    change[5:] = close[5:] - close[:-5]
    rank = change.argsort(axis=1).argsort(axis=1) / max(1, close.shape[1] - 1)
    return np.where(np.isnan(change), np.nan, 2 * rank - 1)

strategy = Strategy(name="ranks", signals=signals, history_bars=6)
"""


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    end_children()


def signalling(*lines: str, before: str = "") -> bytes:
    """A file whose signal runs these lines and returns zeros."""
    body = "\n".join(f"    {line}" for line in (*lines, "return bars.close * 0"))
    return (
        f"import os, sys, time\nfrom turbodmt import Strategy\n{before}\ndef signal(bars):\n{body}\n"
        "strategy = Strategy(name='mine', signal=signal, history_bars=1)\n"
    ).encode()


def same(found: Evaluated, expected: Evaluated) -> bool:
    assert list(found.signals) == list(expected.signals)
    return found.faults == expected.faults and all(
        np.array_equal(found.signals[symbol], values, equal_nan=True) for symbol, values in expected.signals.items()
    )


@pytest.mark.parametrize("since", [None, np.datetime64("2010-12-01", "us")])
@pytest.mark.parametrize(
    ("source", "overrides"), [(SYMBOL, {}), (SYMBOL, {"days": "7"}), (SYMBOL, {"days": "25"}), (PANEL, {})]
)
def test_signals_and_faults_have_the_bits_of_this_process(
    source: bytes, overrides: Mapping[str, str], since: np.datetime64 | None
) -> None:
    """25 days are more than its history: a fault."""
    far = open_strategy(source, "mine.py", overrides=overrides)
    here = load_strategy(source, "mine.py", overrides=overrides)
    expected = evaluate_here(here, BARS, since)
    assert bool(expected.faults) is (overrides.get("days") == "25")
    assert same(evaluate(far, BARS, since), expected)


def test_a_strategy_is_what_its_file_says() -> None:
    strategy = open_strategy(SYMBOL, "mine.py", overrides={"days": "7"})
    here = load_strategy(SYMBOL, "mine.py")
    assert (strategy.name, strategy.history_bars, strategy.sizing) == ("mean", 20, Sizing.FULL)
    assert (strategy.version, strategy.origin) == (here.version, "mine.py")
    assert asdict(strategy.parameters) == {"days": 7}  # type: ignore[call-overload]
    assert strategy.inputs is not None
    assert repr(strategy.inputs(BARS["A"])) == repr({"close": float(BARS["A"].close[-1]), "unknown": float("nan")})
    assert open_strategy(PANEL, "mine.py").signals is not None


def test_a_strategy_can_be_pickled_and_compared() -> None:
    strategy = open_strategy(SYMBOL, "mine.py", overrides={"days": "7"})
    copy: Strategy = pickle.loads(pickle.dumps(strategy))
    assert copy == strategy
    assert copy.runner == strategy.runner
    assert copy != open_strategy(SYMBOL, "mine.py")
    assert same(evaluate(copy, BARS), evaluate(strategy, BARS))


def test_its_function_cannot_be_called_here() -> None:
    with pytest.raises(TypeError, match="in a process of its own"):
        open_strategy(SYMBOL, "mine.py").values(BARS["A"])


def test_the_process_checks_the_hash_of_the_bytes() -> None:
    runner = open_strategy(SYMBOL, "mine.py").runner
    assert isinstance(runner, ChildRunner)
    changed = replace(runner, file=replace(runner.file, source=SYMBOL.replace(b"20", b"21")))
    with pytest.raises(StrategyRefused, match=r"mine.py, line 1: has the sha256 \w{12}, not \w{12}"):
        changed.evaluate(BARS, None)


def test_a_file_that_cannot_be_loaded_is_refused() -> None:
    with pytest.raises(StrategyRefused, match=r"mine.py, line 1: is not Python") as error:
        open_strategy(b"x = (", "mine.py")
    assert (error.value.fault.check, error.value.exit_code) == (Check.NOT_LOADABLE, 2)
    with pytest.raises(StrategyRefused, match=r"mine.py, line 7: parameters of mean: there is no parameter slow"):
        open_strategy(SYMBOL, "mine.py", overrides={"slow": "5"})


def test_a_module_beside_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sibling.py").write_text("")
    source = signalling(before="\nimport sibling")
    with pytest.raises(StrategyRefused, match=r"line 4: imports sibling, which lies beside it; .* stands alone"):
        open_strategy(source, str(tmp_path / "mine.py"))
    reached = signalling(before=f"sys.path.insert(0, {str(tmp_path)!r})\nimport sibling")
    with pytest.raises(StrategyRefused, match="line 4: imports sibling, which lies beside it"):
        open_strategy(reached, str(tmp_path / "mine.py"))


def test_modules_of_the_user_do_not_shadow_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("numpy", "strategy", "tasks", "random", "turbodmt"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    strategy = open_strategy(signalling(before="import numpy, random"), "mine.py")
    assert evaluate(strategy, BARS).faults == {}


def test_no_secret_reaches_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_SECRET", "secret")
    seen = "open('/proc/self/environ', 'rb').read()"
    lines = (f"assert b'API_SECRET' not in {seen}", f"assert 0 < {seen}.count(b'=') < 14")
    strategy = open_strategy(signalling(*lines), "a.py")
    assert evaluate(strategy, BARS).faults == {}


def test_what_a_file_prints_does_not_break_it(capfd: pytest.CaptureFixture[str]) -> None:
    lines = ("print('hello')", "os.write(1, b'there')", "sys.stdout.flush()")
    strategy = open_strategy(signalling(*lines, before="print('loaded')"), "mine.py")
    assert evaluate(strategy, BARS).faults == {}
    out, err = capfd.readouterr()
    assert out == ""
    assert "hello" in err


def test_nothing_can_be_read_from_the_run() -> None:
    strategy = open_strategy(signalling("input()"), "mine.py")
    assert evaluate(strategy, {"A": BARS["A"]}).faults["A"].message == (
        "mine.py, line 5: raises EOFError: EOF when reading a line"
    )


ENDLESS = "while bars.symbol == 'B': pass"


def test_an_endless_loop_is_stopped_and_the_other_symbols_go_on() -> None:
    strategy = open_strategy(signalling(ENDLESS), "mine.py", limits=TimeLimits(call_s=4.0))
    found = evaluate(strategy, BARS)
    assert {symbol: (fault.check, fault.symbol) for symbol, fault in found.faults.items()} == {
        "B": (Check.TOO_SLOW, "B")
    }
    assert found.faults["B"].message == "mine.py: one call took longer than 4 s and was stopped"
    assert np.isnan(found.signals["B"]).all()
    assert list(found.signals) == ["A", "B", "C"]
    assert not any([*found.signals["A"], *found.signals["C"]])


def test_the_limit_is_for_each_call_and_not_for_all() -> None:
    strategy = open_strategy(signalling("time.sleep(0.03)"), "mine.py", limits=TimeLimits(call_s=1.0))
    assert evaluate(strategy, {"A": BARS["A"].rows(0, 60)}).faults == {}


def test_loading_has_a_limit_of_its_own() -> None:
    with pytest.raises(StrategyRefused, match=r"refused \(too_slow\): mine.py: loading it took longer than 1 s"):
        open_strategy(b"while True: pass", "mine.py", limits=TimeLimits(loading_s=1.0))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("os._exit(7)", "mine.py: its process ended with exit code 7; a strategy must not end it"),
        ("os.abort()", "mine.py: its process was ended by SIGABRT"),
        ("sys.exit()", "mine.py, line 5: ends the process with SystemExit"),
        ("raise KeyboardInterrupt", "mine.py, line 5: ends the process with KeyboardInterrupt"),
    ],
)
def test_a_process_that_ends_is_a_fault_of_its_symbol(line: str, words: str) -> None:
    found = evaluate(open_strategy(signalling(f"if bars.symbol == 'B': {line}"), "mine.py"), BARS)
    assert {symbol: (fault.check, fault.message) for symbol, fault in found.faults.items()} == {
        "B": (Check.RAISES, words)
    }
    assert not any([*found.signals["A"], *found.signals["C"]])


def test_after_three_losses_the_remaining_symbols_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = child_process.ChildProcess.__init__
    monkeypatch.setattr(
        child_process.ChildProcess, "__init__", lambda self, file: (started.append(1), start(self, file))[1]
    )
    bars = {name: replace(BARS["C"], symbol=name) for name in "ABCDEF"}
    found = evaluate(open_strategy(signalling("os._exit(7)"), "mine.py"), bars)
    assert [fault.symbol for fault in found.faults.values()] == list("ABCDEF")
    assert len(started) == 3


def test_a_panel_has_one_fault_for_all() -> None:
    source = PANEL.replace(b"    close = ", b"    import os; os._exit(7)\n    close = ")
    found = evaluate(open_strategy(source, "mine.py"), BARS)
    assert sorted(found.faults) == ["A", "B", "C"]
    assert all(np.isnan(values).all() for values in found.signals.values())


FORMS = """
import functools
import numpy as np
from dataclasses import dataclass
from turbodmt import Strategy

def fails(bars, days=1):
    return bars.close[
        10 ** 9
    ]

def fails_at_length(bars):
    raise ValueError("one\\ntwo " + "x" * 1000)

class Called:
    def __call__(self, bars):
        return bars.close[:-1]

@functools.lru_cache
def cached(bars):
    return bars.close[:-1]

{strategy} = Strategy(name="mine", signal={signal}, history_bars=1)
"""


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ("fails", "mine.py, line 8: raises IndexError: index 1000000000 is out of bounds for axis 0 with size 90"),
        ("functools.partial(fails, days=5)", "mine.py, line 8: raises IndexError: "),
        ("lambda bars: np.take(bars.close, 10**9)", "mine.py, line 23: raises IndexError: "),
        ("fails_at_length", "mine.py, line 13: raises ValueError: one two xxx"),
        ("Called()", r"mine.py, line 16: the signal returns the shape (89,)"),
        ("Called().__call__", r"mine.py, line 16: the signal returns the shape (89,)"),
        ("cached", "mine.py, line 19: the signal returns the shape (89,)"),
    ],
)
def test_a_fault_has_one_sentence_with_the_line_in_whatever_form_the_signal_is(signal: str, words: str) -> None:
    source = FORMS.format(strategy="strategy", signal=signal).encode()
    message = evaluate(open_strategy(source, "mine.py"), {"C": BARS["C"]}).faults["C"].message
    assert message.startswith(words)
    assert "\n" not in message
    assert len(message) < 400


def test_annotations_may_be_text() -> None:
    source = b"from __future__ import annotations\n" + SYMBOL
    strategy = open_strategy(source, "mine.py", overrides={"days": "7"})
    assert asdict(strategy.parameters) == {"days": 7}  # type: ignore[call-overload]


def test_writing_to_the_bars_is_a_fault() -> None:
    found = evaluate(open_strategy(signalling("bars.close[0] = 1"), "mine.py"), {"A": BARS["A"]})
    assert found.faults["A"].check is Check.WRITES_INPUT


def test_threads_share_one_process() -> None:
    strategy = open_strategy(SYMBOL, "mine.py")
    other = open_strategy(SYMBOL, "mine.py", overrides={"days": "7"})
    expected = [evaluate_here(load_strategy(SYMBOL, "mine.py", overrides={"days": str(n)}), BARS) for n in (20, 7)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: evaluate((strategy, other)[number % 2], BARS), range(12)))
    assert all(same(each, expected[number % 2]) for number, each in enumerate(found))
    assert len(child_process._children) == 1


def test_few_processes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "MOST_PROCESSES", 2)
    for name in ("a", "b", "c"):
        open_strategy(signalling(), f"{name}.py")
    assert [key[1].origin for key in child_process._children] == ["b.py", "c.py"]


def test_a_process_ends_with_its_run() -> None:
    open_strategy(SYMBOL, "mine.py")
    (child,) = child_process._children.values()
    end_children()
    assert child._process.returncode is not None
    assert not child_process._children


def test_a_forked_run_has_a_process_of_its_own() -> None:
    """It inherits what the run knows of processes, but neither speaks to them nor ends them."""
    strategy = open_strategy(SYMBOL, "mine.py")
    ((_, file), inherited) = child_process._children.popitem()
    child_process._children[1, file] = inherited
    assert evaluate(strategy, {"A": BARS["A"]}).faults == {}
    end_children()
    assert list(child_process._children.values()) == [inherited]
    assert inherited._process.poll() is None
    inherited.end()
    child_process._children.clear()


def test_an_interrupted_request_leaves_no_answer_behind() -> None:
    strategy = open_strategy(SYMBOL, "mine.py")
    runner = strategy.runner
    assert isinstance(runner, ChildRunner)

    def interrupt(message: Message) -> None:
        raise KeyboardInterrupt("Ctrl-C")

    content = {"symbols": ["A"], "since": None}
    arrays = {
        f"0.{name}": BARS["A"][name] for name in ("open_time", "open", "high", "low", "close", "volume", "factor")
    }
    with pytest.raises(KeyboardInterrupt, match="Ctrl-C"):
        runner.request("evaluate", content, arrays, interrupt)
    assert same(evaluate(strategy, BARS), evaluate_here(load_strategy(SYMBOL, "mine.py"), BARS))


def test_no_bars_have_no_signals() -> None:
    assert evaluate(open_strategy(SYMBOL, "mine.py"), {}).signals == {}
    empty: dict[str, Bars] = {"A": BARS["A"].rows(0, 0)}
    assert evaluate(open_strategy(SYMBOL, "mine.py"), empty).signals["A"].shape == (0,)


def test_the_process_is_lent_to_one_thread_at_a_time() -> None:
    file = StrategyFile(source=SYMBOL, sha256=load_strategy(SYMBOL, "mine.py").version, origin="mine.py")
    with child_of(file) as first:
        assert first.users == 1
    assert first.users == 0


ORPHANING = """
import os, threading, time
from strategy.market.bars import make_bars
from tasks.strategy_process import child_process
from tasks.strategy_process.opening import open_strategy

strategy = open_strategy({source!r}, "mine.py")
bars = {{"B": make_bars("B", ["2020-01-01"], close=[1.0])}}
threading.Thread(target=strategy.runner.evaluate, args=(bars, None), daemon=True).start()
(child,) = child_process._children.values()
time.sleep(0.3)
print(child._process.pid, flush=True)
os._exit(0)
"""


def test_an_endless_loop_ends_when_its_run_is_gone() -> None:
    program = ORPHANING.format(source=signalling(ENDLESS))
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    pid = int(run.stdout)
    until = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.05)


EARNINGS = b"""
import numpy as np
from turbodmt import Lag, Strategy

def signal(bars):
    return np.sign(bars.columns["eps"])

strategy = Strategy(name="earnings", signal=signal, history_bars=2, columns={"eps": Lag(days=45)})
"""


def test_columns_reach_the_process_of_the_strategy() -> None:
    strategy = open_strategy(EARNINGS, "earnings.py")
    assert strategy.columns == {"eps": Lag(days=45)}
    eps = {symbol: np.where(np.arange(len(series)) < 30, np.nan, -1.0) for symbol, series in BARS.items()}
    bars = {symbol: replace(series, columns={"eps": eps[symbol]}) for symbol, series in BARS.items()}
    signals = evaluate(strategy, bars).signals
    assert all(np.array_equal(signals[symbol][1:], eps[symbol][1:], equal_nan=True) for symbol in bars)


@pytest.mark.parametrize(
    ("lag", "said"),
    [
        ("None", "earnings.py, line 8: the column eps of earnings is declared with None; say how many days after"),
        ("Lag(days=-1)", "earnings.py, line 8: the lag of a column is -1 days; it must be a whole number"),
    ],
)
def test_a_file_that_declares_no_lag_is_refused(lag: str, said: str) -> None:
    with pytest.raises(StrategyRefused, match=said):
        open_strategy(EARNINGS.replace(b"Lag(days=45)", lag.encode()), "earnings.py")

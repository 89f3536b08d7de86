"""A file becomes a strategy, or one sentence with its line."""

from collections.abc import Mapping

import pytest

from strategy.signals.faults import Check, StrategyRefused
from strategy.signals.strategies import Sizing
from tasks.strategy_process.loading import load_strategy

TREND = b"""
from dataclasses import dataclass
from turbodmt import Strategy

@dataclass(frozen=True)
class Speeds:
    fast: int = 5
    slow: float = 20.0
    long_only: bool = False
    mode: str = "sign"
    windows: tuple[int, ...] = (1, 2)

    def __post_init__(self):
        if self.fast < 1:
            raise ValueError("fast must be at least 1")

def signal(bars, parameters):
    return bars.close * 0 + parameters.fast / 100

strategy = Strategy(name="trend", signal=signal, history_bars=1, sizing="direct", parameters=Speeds())
"""
PLAIN = b"from turbodmt import Strategy\ndef signal(bars):\n    return bars.close * 0\n"


def plain(*lines: str) -> bytes:
    return PLAIN + "\n".join(lines).encode()


def named(variable: str, name: str) -> str:
    return f"{variable} = Strategy(name={name!r}, signal=signal, history_bars=1)"


def test_a_file_becomes_a_strategy_with_its_hash_and_origin() -> None:
    strategy = load_strategy(plain("strategy = Strategy(name='mine', signal=signal, history_bars=3)"), "mine.py")
    assert (strategy.name, strategy.history_bars, strategy.sizing) == ("mine", 3, Sizing.VOLATILITY)
    assert (strategy.origin, len(strategy.version)) == ("mine.py", 64)


def test_an_encoding_that_is_declared_is_read() -> None:
    declared = b"# -*- coding: latin-1 -*-\nWORD = 'na\xefve'\n" + plain(named("strategy", "mine"))
    assert load_strategy(declared, "mine.py").name == "mine"
    assert load_strategy(b"\xef\xbb\xbf# caf\xc3\xa9\n" + plain(named("strategy", "mine")), "mine.py").name == "mine"


def test_the_bytes_given_are_run_whatever_lies_at_the_path() -> None:
    strategy = load_strategy(plain(named("strategy", "given")), __file__)
    assert strategy.name == "given"


def test_what_is_ours_to_say_is_not_the_files() -> None:
    claimed = "baseline=True, trusted=True, version='f' * 64, origin='other.py', runner=object()"
    strategy = load_strategy(
        plain(f"strategy = Strategy(name='mine', signal=signal, history_bars=1, {claimed})"), "mine.py"
    )
    assert (strategy.baseline, strategy.trusted, strategy.runner) == (False, False, None)
    assert strategy.origin == "mine.py"
    assert strategy.version != "f" * 64


def test_a_script_of_its_own_does_not_run() -> None:
    source = plain(named("strategy", "mine"), "if __name__ == '__main__':", "    raise RuntimeError")
    assert load_strategy(source, "mine.py").name == "mine"


@pytest.mark.parametrize(
    ("lines", "name", "chosen"),
    [
        ([named("anything", "only")], None, "only"),
        ([named("strategy", "first"), named("other", "second")], None, "first"),
        ([named("strategy", "first"), named("other", "second")], "second", "second"),
        ([named("strategy", "first"), "same = strategy"], None, "first"),
    ],
)
def test_the_strategy_is_chosen(lines: list[str], name: str | None, chosen: str) -> None:
    assert load_strategy(plain(*lines), "mine.py", name).name == chosen


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        (b"", None, "line 1: defines no strategy"),
        (b"strategy = 5", None, "line 1: defines no strategy"),
        (plain(named("a", "a"), named("b", "b")), None, r"line 5: defines a, b; choose one, as mine.py:a"),
        (plain(named("a", "a"), named("b", "b")), "c", "line 5: defines no strategy c; it defines a, b"),
        (plain(named("a", "a"), named("b", "a")), None, "line 5: defines two strategies of the name a"),
        (b"import numpy\nx = (", None, "line 2: is not Python: '\\(' was never closed"),
        (b"a\0b", None, "is not Python: source code string cannot contain null bytes"),
        (b"# -*- coding: klingon -*-\n", None, "line 1: is not Python: unknown encoding: klingon"),
        (b"# caf\xe9\n", None, "line 1: is not text in UTF-8; save the file as UTF-8, or declare its encoding"),
        (b"import numpy\n\nx = 1\n# na\xefve\n", None, "line 4: is not text in UTF-8; save the file as UTF-8, or"),
        (b"x = 1\ny = '\xef'\n", None, "line 2: is not text in UTF-8; save the file as UTF-8, or declare"),
        (b"# -*- coding: ascii -*-\nx = 1 # \xe9\n", None, "line 2: is not text in ASCII; save the file as UTF-8, or"),
        (b"\n\nimport no_such_module\n", None, "line 3: imports no_such_module, which is not installed"),
        (b"import numpy\nfrom numpy import no_such_name\n", None, "line 2: cannot import: cannot import name"),
        (b"def f():\n    from . import sibling\n", None, "line 2: imports .; a strategy's file stands alone"),
        (b"from ..trends import slow\n", None, "line 1: imports ..trends; a strategy's file stands alone"),
        (b"\n1 / 0\n", None, "line 2: raises ZeroDivisionError: division by zero"),
        (b"import sys\nsys.exit(3)\n", None, "line 2: ends the process"),
        (plain("strategy = Strategy(name='Trend', signal=signal, history_bars=1)"), None, "line 4: name is 'Trend'"),
        (plain("strategy = Strategy(name='a', signal=signal)"), None, "line 4: raises TypeError: .* 'history_bars'"),
        (plain("strategy = Strategy(name='a', signal=5, history_bars=1)"), None, "line 4: signal of a is 5; it must"),
        (
            plain("strategy = Strategy(name='a', signal=signal, history_bars=1, parameters={'fast': 5})"),
            None,
            "line 4: parameters of a are {'fast': 5}; they must be a value of a frozen dataclass",
        ),
    ],
)
def test_a_file_that_is_no_strategy_is_refused_with_its_line(source: bytes, name: str | None, words: str) -> None:
    with pytest.raises(
        StrategyRefused, match=rf"^strategy mine.py is refused \(not_loadable\): mine.py, .*{words}"
    ) as e:
        load_strategy(source, "mine.py", name)
    assert e.value.fault.check is Check.NOT_LOADABLE
    assert "\n" not in str(e.value)


def test_parameters_are_set_by_their_types() -> None:
    texts = {"fast": "20", "slow": "1e2", "long_only": "true", "mode": "rank"}
    parameters = load_strategy(TREND, "trend.py", overrides=texts).parameters
    assert repr(parameters) == "Speeds(fast=20, slow=100.0, long_only=True, mode='rank', windows=(1, 2))"


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"quick": "5"}, "there is no parameter quick; there is fast, slow, long_only, mode, windows"),
        ({"fast": "5.5"}, "fast is '5.5'; it must be a whole number"),
        ({"slow": "nan"}, "slow is 'nan'; it must be a finite number"),
        ({"long_only": "maybe"}, "long_only is 'maybe'; it must be true or false"),
        ({"windows": "1"}, "windows cannot be set; only a parameter of type bool, int, float or str can"),
        ({"fast": "0"}, "fast must be at least 1"),
    ],
)
def test_a_wrong_parameter_is_refused(texts: Mapping[str, str], words: str) -> None:
    with pytest.raises(StrategyRefused, match=rf"trend.py, line 6: parameters of trend: {words}"):
        load_strategy(TREND, "trend.py", overrides=texts)


def test_a_strategy_without_parameters_has_none_to_set() -> None:
    with pytest.raises(StrategyRefused, match="there is no parameter fast; the strategy has no parameters"):
        load_strategy(plain(named("strategy", "mine")), "mine.py", overrides={"fast": "5"})

"""Mutants of the code that guards money, and which of them the tests kill: `.venv/bin/python benchmarks/mutants.py`.

mutmut changes one thing in one function at a time and runs the tests that reach it. Whatever lives must stand with its
reason in `survivors.txt`, and whatever stands there must live: a list that does not fit ends with exit code 1.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SURVIVORS = Path(__file__).with_name("survivors.txt")
FLOORS = ("exchange", "flows", "storage", "strategy", "tasks")
#: What is changed, and the tests that are to notice; a group is one run of mutmut.
GROUPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "strategy": (
        (
            *("account.money", "account.lots", "account.state", "account.fees_and_slippage", "account.trading_terms"),
            *("account.paper_fills", "account.settlement", "account.orders", "account.missed_orders"),
            "market.funding_rates",
            *("portfolio.sizing", "portfolio.leverage_cap", "portfolio.risk_limits", "portfolio.drawdown_halt"),
            "portfolio.pretrade_checks",
            *("backtest.halted_orders", "backtest.restatement"),
            *("broker.fills", "broker.daily_booking", "broker.takeover"),
            "evaluation.costs",
        ),
        (
            *("account.money", "account.state", "account.fees_and_slippage", "account.paper_fills"),
            *("account.settlement", "account.orders", "account.order_laws", "account.missed_orders"),
            *("account.currencies", "market.funding_rates", "market.funding_settlement"),
            *("portfolio.sizing", "portfolio.leverage_cap", "portfolio.risk_limits", "portfolio.drawdown_halt"),
            "portfolio.pretrade_checks",
            *("backtest.halted_orders", "backtest.restatement"),
            *("broker.fills", "broker.daily_booking", "broker.takeover"),
            "evaluation.costs",
        ),
    ),
    "storage": (
        (
            *("ledger.days", "ledger.positions", "ledger.row_codec", "ledger.orders"),
            *("ledger.order_lookup", "ledger.risk_state", "ledger.broker_events"),
            *("ledger.order_evidence", "ledger.takeovers", "ledger.resets"),
            "ledger.price_units",
            *("keyed_rows", "typed_rows"),
            "bars.restatements",
        ),
        (
            *("ledger.days", "ledger.positions", "ledger.row_codec", "ledger.orders"),
            *("ledger.order_lookup", "ledger.risk_state", "ledger.broker_events"),
            *("ledger.order_evidence", "ledger.takeovers", "ledger.resets"),
            "ledger.price_units",
            *("keyed_rows", "typed_rows"),
            "bars.restatements",
        ),
    ),
    "exchange": (
        (
            *("brokers.paper", "brokers.binance_spot", "brokers.binance_futures"),
            *("brokers.binance_orders", "brokers.order_reports", "brokers.order_history"),
            *("brokers.testnet_client", "brokers.testnet_session", "brokers.symbol_rules"),
            *("brokers.error_codes", "brokers.amounts"),
            *("retries", "rate_limit", "deadline"),
        ),
        (
            *("brokers.paper", "brokers.binance_spot", "brokers.binance_futures"),
            *("brokers.binance_orders", "brokers.order_history", "brokers.testnet_client"),
            *("brokers.testnet_session", "brokers.symbol_rules", "brokers.error_codes"),
            *("brokers.amounts", "brokers.testnet_outcomes", "brokers.testnets"),
            *("retries", "rate_limit", "deadline"),
        ),
    ),
}
#: How mutmut's exit codes of a mutant read; what is none of them was never decided. Whoever outlives the limit of its
#: time is ended by -24, and where that is not obeyed by -9.
OUTCOMES = {
    0: "survived",
    1: "killed",
    3: "killed",
    33: "no test",
    **dict.fromkeys((-24, -9, 24, 36, 152, 255), "timed out"),
}
#: Lines of the storage floor that are part of a statement, or the names of what is bound to it.
_SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|WHERE|AND|VALUES|ORDER BY|LIMIT|RETURNING)\b|^\{\"\w+\": ")
#: The outcome of a mutant that changed the case of a statement alone.
BLIND = "case of SQL"
#: Outcomes that need no reason in the list.
NO_GAPS = ("killed", "timed out", BLIND)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mutant:
    """One change: the function it was made in, its lines as they are, and as they were made (empty: taken away)."""

    function: str
    was: str
    now: str

    @property
    def module(self) -> str:
        """Return the module's dotted name."""
        return module_of(self.function)

    @property
    def equivalent_sql(self) -> bool:
        """Return whether it changed the case of a statement or of its parameters alone, to which DuckDB is blind.

        What stands between quotes is data, whose case counts.
        """
        quoted = [re.findall(r"'[^']*'", text) for text in (self.was, self.now)]
        return bool(_SQL.search(self.was)) and self.was.casefold() == self.now.casefold() and quoted[0] == quoted[1]

    def __str__(self) -> str:
        return f"{self.function}\n    - {self.was}\n    + {self.now}"


def module_of(function: str) -> str:
    """Return the dotted name of the module that holds the function, such as strategy.account.money."""
    floor, *names = function.split(".")
    place = ROOT / floor
    for count, name in enumerate(names, 2):
        if (place / f"{name}.py").exists():
            return ".".join(function.split(".")[:count])
        place /= name
    raise ValueError(f"no module of the code holds {function}")


def test_file(group: str, name: str) -> str:
    """Return the path of the tests that GROUPS calls `name`, below the root of the project."""
    *packages, module = name.split(".")
    return "/".join(["tests", group, *packages, f"test_{module}.py"])


def explained(text: str) -> dict[Mutant, str]:
    """The reason of each mutant in the list. Raises ValueError for one without a reason, or listed twice.

    A mutant is a line with its function, a line each for `-` what was and `+` what is, and one for `=` why it lives.
    """
    reasons: dict[Mutant, str] = {}
    for block in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in block.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        if [line[:1] for line in lines[1:]] != ["-", "+", "="] or not lines[3][1:].strip():
            raise ValueError(f"{lines} is no function with its lines -, + and =")
        one = Mutant(function=lines[0], was=lines[1][1:].strip(), now=lines[2][1:].strip())
        if one in reasons:
            raise ValueError(f"{one} is listed twice")
        reasons[one] = lines[3][1:].strip()
    return reasons


def complaints(lived: Mapping[Mutant, str], tried: Sequence[str], reasons: Mapping[Mutant, str]) -> list[str]:
    """Return mutants of the `tried` modules that live without a reason, and reasons of none that lives."""
    unexplained = [f"{outcome}: {mutant}" for mutant, outcome in sorted(lived.items()) if mutant not in reasons]
    stale = [
        f"listed, but killed or gone: {mutant}"
        for mutant in sorted(reasons)
        if mutant.module in tried and mutant not in lived
    ]
    return [*unexplained, *stale]


def laid_out(folder: Path, group: str, modules: Sequence[str]) -> None:
    """Copy the code, the tests and mutmut's settings to the folder."""
    for name in (*FLOORS, "testing", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", folder)
    tests = [test_file(group, name) for name in GROUPS[group][1]]
    options = {
        "source_paths": FLOORS,
        "only_mutate": [f"{group}/{name.replace('.', '/')}.py" for name in modules],
        "also_copy": ["testing"],
        "pytest_add_cli_args_test_selection": tests,
        # A counterexample need not be the smallest to kill.
        "pytest_add_cli_args": ["--hypothesis-profile=mutants"],
    }
    lines = [f"{name} =\n" + "".join(f"    {value}\n" for value in values) for name, values in options.items()]
    (folder / "setup.cfg").write_text("[mutmut]\n" + "".join(lines), encoding="utf-8")


def outcomes(folder: Path, modules: Sequence[str]) -> Iterator[tuple[Mutant, str]]:
    """Each mutant of the modules with its outcome."""
    # mutmut's own import is for who runs it; the list is checked without.
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    with chdir(folder):
        for module in modules:
            path = Path(f"{module.replace('.', '/')}.py")
            meta = json.loads(Path("mutants", f"{path}.meta").read_text(encoding="utf-8"))
            for name, code in meta["exit_code_by_key"].items():
                function = re.sub(r"(?:x_|xǁ)(.*)__mutmut_\d+$", r"\1", name).replace("ǁ", ".")
                changed = get_diff_for_mutant(name, path=path).splitlines()[2:]
                was, now = (" ".join(line[1:].strip() for line in changed if line[0] == sign) for sign in "-+")
                mutant, outcome = Mutant(function=function, was=was, now=now), OUTCOMES.get(code, f"undecided ({code})")
                yield mutant, BLIND if outcome == "survived" and mutant.equivalent_sql else outcome


def tried(folder: Path, command: Sequence[str]) -> None:
    """Run mutmut in the folder; exit with what it said if it fails."""
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if told.returncode:
        sys.exit(f"mutmut ended with {told.returncode}:\n{told.stdout[-4000:]}\n{told.stderr[-4000:]}")


def run(group: str, modules: Sequence[str], processes: int) -> list[tuple[Mutant, str]]:
    """Each mutant of the group's modules with its outcome, after a run of mutmut in a copy of the project."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        laid_out(folder, group, modules)
        names = [f"{group}.{module}" for module in modules]
        command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(processes)]
        tried(folder, command)
        return list(outcomes(folder, names))


def main() -> None:
    """Prints mutants by module and outcome, and what does not fit the list of survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="*", help="these modules alone, such as strategy.portfolio.sizing; or whole groups"
    )
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    known = {*GROUPS, *(f"{group}.{name}" for group, (names, _) in GROUPS.items() for name in names)}
    if unknown := sorted(set(given.only or ()) - known):
        parser.error(f"{', '.join(unknown)} is not among {', '.join(sorted(known))}")
    reasons, wrong = explained(SURVIVORS.read_text(encoding="utf-8")), []
    started = time.monotonic()
    print(f"{'module':40} mutants  killed  timed out  case of SQL  lived")
    for group, (names, _) in GROUPS.items():
        modules = [name for name in names if not given.only or {group, f"{group}.{name}"} & set(given.only)]
        if not modules:
            continue
        found = run(group, modules, given.processes)
        for name in modules:
            counts = Counter(outcome for mutant, outcome in found if mutant.module == f"{group}.{name}")
            told = [counts.pop(outcome, 0) for outcome in ("killed", "timed out", BLIND)]
            row = "{:7} {:7} {:10} {:12} {:6}".format(sum(told) + counts.total(), *told, counts.total())
            print(f"{f'{group}.{name}':40} {row}", flush=True)
        gaps = {mutant: outcome for mutant, outcome in found if outcome not in NO_GAPS}
        wrong += complaints(gaps, [f"{group}.{module}" for module in modules], reasons)
    print(f"in {time.monotonic() - started:.0f} s")
    if wrong:
        sys.exit("\n\n".join(wrong) + f"\n\n{len(wrong)} do not fit {SURVIVORS.name}")


if __name__ == "__main__":
    main()

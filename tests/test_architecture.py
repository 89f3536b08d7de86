"""The rules of CONTRIBUTING.md that no linter knows."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from strategy.builtin.registry import BUILT_IN

ROOT = Path(__file__).parents[1]
FLOORS = ("flows", "tasks", "exchange", "storage", "strategy")
#: The public package above the floors obeys their rules.
PUBLIC = "turbodmt"
MODULES = sorted(path for floor in (*FLOORS, PUBLIC) for path in (ROOT / floor).rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}
CLOCK_CALLS = {"now", "today", "utcnow", "time", "time_ns"}
#: How names end of what people read, and what asks how such a text is spelt.
SENTENCES = ("reason", "found", "text", "words", "remedy", "warning")
SPELLING = {"startswith", "endswith", "rpartition", "find", "index"}
#: How SQL asks the same.
SQL_SPELLING = re.compile(
    r"(starts_with|ends_with|contains|regexp_matches)\(\s*[\w.]*reason|reason\s+(NOT\s+)?I?LIKE", re.I
)
#: Where it may be asked: what others say without a code (DuckDB, Prefect), digits of numbers, and keys of a mapping.
SPELT = {
    "exchange/brokers/order_reports.py": ["'.' in text"],
    "flows/cli/data/import_bars.py": ["text.rpartition(':')"],
    "flows/cli/number_format.py": ["text in ('', '-', '-0')"],
    "flows/cli/settings_reference.py": ["'$ref' in found"],
    "flows/server/availability.py": [
        *(
            "text.startswith('Failed to reach API')",
            "text.startswith('Failed to reach API')",
            "text.rpartition(' at ')",
        ),
        *("'ephemeral Prefect API server' in text", "'401 Unauthorized' in text"),
    ],
    "storage/errors.py": ["'Could not set lock' not in text", "'Query interrupted' in text", *["sign in text"] * 3],
    "tasks/report/markup.py": ["'.' in text"],
}

#: What stands beside the product is held to the rules of shape, too, not to those of values: a fake changes.
BESIDE = sorted(path for name in ("testing", "benchmarks") for path in (ROOT / name).rglob("*.py"))

Check = Callable[[Path], None]


def each(paths: Sequence[Path]) -> Callable[[Check], Callable[[], None]]:
    """One test of all the paths, whose failure lists those that break the rule: thousands of tests cost more."""

    def of_all(check: Check) -> Callable[[], None]:
        def test() -> None:
            broken: dict[str, str] = {}
            for path in paths:
                try:
                    check(path)
                except AssertionError as error:
                    broken[str(path.relative_to(ROOT))] = str(error)
            assert broken == {}

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return of_all


each_module = each(MODULES)
each_module_of_all = each([*MODULES, *BESIDE])


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(call: ast.Call) -> tuple[str, str]:
    """The owner's and the method's name of a call such as `date.today()`."""
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        return call.func.value.id, call.func.attr
    return "", ""


@each_module_of_all
def test_a_module_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@each_module_of_all
def test_a_function_has_at_most_50_lines(path: Path) -> None:
    functions = [node for node in ast.walk(syntax(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    too_long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if (f.end_lineno or 0) - f.lineno >= 50}
    assert too_long == {}


@each_module_of_all
def test_a_module_name_is_a_noun_of_its_own(path: Path) -> None:
    if path.stem != "__init__":
        assert path.stem not in FORBIDDEN_NAMES
        assert path.stem not in sys.stdlib_module_names
        assert path.stem not in (*FLOORS, PUBLIC)


@each_module
def test_a_dataclass_is_frozen_slotted_and_keyword_only(path: Path) -> None:
    wanted = {"frozen", "slots", "kw_only"}
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.ClassDef):
            for mark in node.decorator_list:
                if "dataclass" in ast.unparse(mark):
                    given = {k.arg for k in mark.keywords} if isinstance(mark, ast.Call) else set()
                    assert wanted <= given, f"{node.name} lacks {sorted(wanted - given)}"


@each_module
def test_only_flows_reads_the_clock(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] == "flows":
        return
    calls = [named(node) for node in ast.walk(syntax(path)) if isinstance(node, ast.Call)]
    assert [call for call in calls if call[1] in CLOCK_CALLS and call[0] in {"datetime", "date", "time"}] == []


@each_module
def test_nobody_configures_the_root_logger_or_forwards_keywords(path: Path) -> None:
    tree = syntax(path)
    assert ("logging", "basicConfig") not in [named(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [f.name for f in functions if f.args.kwarg is not None] == []


@each_module_of_all
def test_a_parameter_of_many_values_has_names_for_them(path: Path) -> None:
    functions = [node for node in ast.walk(syntax(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    packed = [
        f"{function.name}({ast.unparse(argument)})"
        for function in functions
        for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        if argument.annotation is not None and has_a_long_tuple(argument.annotation)
    ]
    assert packed == []


def has_a_long_tuple(annotation: ast.expr) -> bool:
    """Return whether the annotation holds a tuple of more than two members, each with a meaning of its own."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    return any(
        isinstance(node, ast.Subscript)
        and ast.unparse(node.value).lower().endswith("tuple")
        and isinstance(node.slice, ast.Tuple)
        and len(node.slice.elts) > 2
        for node in ast.walk(annotation)
    )


@pytest.mark.parametrize(
    ("annotation", "long"),
    [
        ("tuple[int, str, None]", True),
        ("Sequence[Tuple[int, str, None]] | None", True),
        ("'tuple[int, str, None]'", True),
        ("tuple[int, ...]", False),
        ("tuple[int, str]", False),
        ("dict[str, int]", False),
    ],
)
def test_a_long_tuple_is_seen_wherever_it_stands(annotation: str, long: bool) -> None:
    assert has_a_long_tuple(ast.parse(annotation, mode="eval").body) is long


def is_sentence(node: ast.expr) -> bool:
    """Return whether the expression is named as what people read: a name, an attribute, a key, or `str` of one."""
    name = ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
        return is_sentence(node.args[0])
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        name = str(node.slice.value)
    return name.lower().endswith(SENTENCES)


def spelt(tree: ast.AST) -> list[str]:
    """The expressions that ask how a sentence is spelt, but for whether it is empty or the same as another one."""
    hits = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SPELLING:
            hits += [ast.unparse(node)] * is_sentence(node.func.value)
        if isinstance(node, ast.Compare):
            for sign, left, right in zip(node.ops, (node.left, *node.comparators), node.comparators, strict=False):
                one, both = is_sentence(left) or is_sentence(right), is_sentence(left) and is_sentence(right)
                compared = isinstance(sign, ast.Eq | ast.NotEq) and not both and "''" not in ast.unparse(node)
                hits += [ast.unparse(node)] * (one and (compared or isinstance(sign, ast.In | ast.NotIn)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_SPELLING.search(node.value):
            hits.append(node.value)
    return hits


@each_module
def test_nothing_is_decided_by_what_people_read(path: Path) -> None:
    assert sorted(spelt(syntax(path))) == sorted(SPELT.get(str(path.relative_to(ROOT)), []))


@pytest.mark.parametrize(
    "code",
    [
        "order.reason.startswith(HALTED)",
        "before.reason.endswith(CUT)",
        "HALTED in order.reason",
        "verdict.reason in record.outcome.warnings",
        "order.reason != DELISTED",
        "check['remedy'] == SILENT",
        "str(found).rpartition('; ')",
        "'SELECT count(*) FILTER (starts_with(reason, ?)) FROM orders'",
        "f'SELECT {columns} FROM orders WHERE orders.reason LIKE ?'",
    ],
)
def test_a_decision_by_what_people_read_is_noticed(code: str) -> None:
    assert len(spelt(ast.parse(code))) == 1


@pytest.mark.parametrize("code", ["order.reason == before.reason", "order.reason == ''", "bool(order.reason)"])
def test_a_sentence_may_be_empty_or_the_same(code: str) -> None:
    assert spelt(ast.parse(code)) == []


def branches_on_a_name(tree: ast.AST) -> list[str]:
    """Return the comparisons with a built-in strategy or its name; what differs is a field of the strategies."""
    names = {strategy.name for strategy in BUILT_IN.values()}
    constants = {name.upper().replace("-", "_") for name in names}

    def names_one(node: ast.expr) -> bool:
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return any(map(names_one, node.elts))
        constant = isinstance(node, ast.Constant) and node.value in names
        return constant or (
            isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).split(".")[-1] in constants
        )

    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    matched = [node for node in ast.walk(tree) if isinstance(node, ast.MatchValue) and names_one(node.value)]
    return [
        ast.unparse(node)
        for node in (*compared, *matched)
        if isinstance(node, ast.MatchValue) or any(map(names_one, (node.left, *node.comparators)))
    ]


@each_module
def test_nothing_branches_on_the_name_of_a_strategy(path: Path) -> None:
    assert branches_on_a_name(syntax(path)) == []


@pytest.mark.parametrize(
    "code", ["answer.strategy == 'turbo'", "strategy is not TURBO", "strategy in (registry.RULES, HOLD)"]
)
def test_a_branch_on_the_name_of_a_strategy_is_noticed(code: str) -> None:
    assert len(branches_on_a_name(ast.parse(code))) == 1


PACKAGES = sorted({path.parent for path in [*MODULES, *BESIDE]})
QUESTIONS = {
    "the fee is charged": "strategy/account/fees_and_slippage",
    "slippage is added": "strategy/account/fees_and_slippage",
    "the client order id is built": "strategy/account/orders",
    "a stale bar is refused": "strategy/portfolio/availability",
    "the champion is picked": "storage/models/champions",
    "the report's equity curve is drawn": "tasks/report/charts",
    "the kill switch is latched": "storage/ledger/risk_state",
    "the volatility target is applied": "strategy/portfolio/sizing",
    "the leverage cap is applied": "strategy/portfolio/leverage_cap",
    "the fold split is made": "strategy/training/walk_forward",
    "the deflated Sharpe ratio is computed": "strategy/evaluation/deflated_sharpe",
    "the bootstrap is drawn": "strategy/evaluation/bootstrap",
    "a symbol's contribution to the net result is computed": "strategy/attribution/contributions",
    "value at risk and beta are computed": "strategy/evaluation/risk",
    "the crises of a report are listed": "strategy/evaluation/crises",
    "an exit code is chosen": "strategy/exit_codes",
    "a request is retried": "exchange/retries",
    "the store's lock is waited for": "storage/database",
    "a setting has its default": "flows/config/settings",
    "HTML is escaped": "tasks/report/markup",
    "a split or dividend is applied": "strategy/market/adjustment",
    "a digest is worded": "tasks/digest/wording",
    "the webhook is called": "flows/scheduling/alerts",
    "positions are read": "storage/ledger/positions",
    "a session's close is known": "exchange/sessions/closing_times",
    "an order is explained in words": "flows/cli/trade/explain",
    "the drawdown halt has its limit": "strategy/portfolio/drawdown_halt",
    "the rate limit is obeyed": "exchange/rate_limit",
    "a baseline such as hold is defined": "strategy/builtin/hold",
    "the API keys are read": "flows/planning/api_keys",
    "the largest order's notional is checked": "strategy/portfolio/pretrade_checks",
    "the Sharpe loss is computed": "strategy/kernel/sharpe_loss",
    "the backtest command has its options": "flows/cli/research/backtest",
    "the page of a day is laid out": "tasks/report/daily_page",
    "an order of unknown outcome is resolved": "tasks/broker/unknown_orders",
    "a quantity is rounded to lots": "strategy/account/lots",
    "whether a retraining is due is decided": "tasks/models/retrain",
    "a run is compared with its replay": "tasks/daily/replay_check",
    "the cron schedule is written": "flows/scheduling/schedules",
    "a paper order is filled": "strategy/account/paper_fills",
}


def dotted(path: Path) -> str:
    """The name by which the module is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports() -> dict[str, set[str]]:
    """Return what each module imports of ours, inside functions and under TYPE_CHECKING too."""
    modules = [*MODULES, *BESIDE]
    names = {dotted(path) for path in modules}
    found: dict[str, set[str]] = {name: set() for name in names}
    for path in modules:
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    found[dotted(path)] |= {inner if inner in names else node.module} & names
            elif isinstance(node, ast.Import):
                found[dotted(path)] |= {alias.name for alias in node.names} & names
    return found


def in_circle(graph: dict[str, set[str]]) -> set[str]:
    """The nodes of circles and between them: those without a way on or a way in are taken away until none is."""
    left = {node: set(others) - {node} for node, others in graph.items()}
    while leaves := {node for node, others in left.items() if not others & left.keys()}:
        left = {node: others for node, others in left.items() if node not in leaves}
    while roots := left.keys() - {other for others in left.values() for other in others}:
        left = {node: others for node, others in left.items() if node not in roots}
    return set(left)


def test_no_module_imports_itself_in_a_circle() -> None:
    assert in_circle(imports()) == set()


def test_no_package_imports_itself_in_a_circle() -> None:
    """A module beside packages, as `flows.daily` is, counts as a package of its own."""
    packages = {dotted(path / "__init__.py") for path in PACKAGES}
    outer = {name for name in packages if any(other.startswith(f"{name}.") for other in packages)}

    def package(name: str) -> str:
        parent = name if name in packages else name.rpartition(".")[0]
        return name if parent in outer else parent

    graph: dict[str, set[str]] = {}
    for name, others in imports().items():
        graph.setdefault(package(name), set()).update(map(package, others))
    assert in_circle(graph) == set()


def test_a_circle_is_found() -> None:
    assert in_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == {"b", "c"}


def test_a_package_holds_at_most_15_modules_and_the_median_8() -> None:
    counts = Counter(path.parent for path in [*MODULES, *BESIDE] if path.stem != "__init__")
    assert {package: count for package, count in counts.items() if count > 15} == {}
    assert median(counts[package] for package in PACKAGES) <= 8


def test_a_folder_of_tests_holds_at_most_15() -> None:
    counts = Counter(path.parent for path in (ROOT / "tests").rglob("test_*.py"))
    assert {folder: count for folder, count in counts.items() if count > 15} == {}


@each(PACKAGES)
def test_a_package_opens_with_what_it_promises(package: Path) -> None:
    assert ast.get_docstring(syntax(package / "__init__.py"))


@pytest.mark.parametrize(("phrase", "module"), QUESTIONS.items(), ids=QUESTIONS)
def test_where_a_stranger_looks_there_is_a_module(phrase: str, module: str) -> None:
    assert (ROOT / f"{module}.py").exists(), f"where {phrase}"


def test_the_tests_are_no_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_lock_pins_every_package_and_names_no_place() -> None:
    texts = {
        name: (ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements-torch.lock")
    }
    # A pin goes on with its hashes where a line ends in a backslash.
    lines = {name: text.replace(" \\\n    --hash=sha256:", " #").splitlines() for name, text in texts.items()}
    told = [line for each in lines.values() for line in each if line and not line.startswith("#")]
    pins = [line.partition(" #")[0] for line in told]
    assert len(set(pins)) == len(pins) > 100
    assert [line.partition("==")[0] for line in told if " #" not in line] == ["torch"]
    assert [line for line in pins if "==" not in line or "/" in line or "@" in line or "+" in line] == []

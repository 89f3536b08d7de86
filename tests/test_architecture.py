"""The rules of CONTRIBUTING.md that no linter knows."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("flows", "tasks", "exchange", "storage", "strategy")
MODULES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
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
    "flows/cli/commands.py": ["text.rpartition(':')"],
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
    "storage/errors.py": ["'Could not set lock' not in text", *["sign in text"] * 3],
    "tasks/report/markup.py": ["'.' in text"],
    "tasks/report/scales.py": ["text == '0.0%'"],
}

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(call: ast.Call) -> tuple[str, str]:
    """The owner's and the method's name of a call such as `date.today()`."""
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        return call.func.value.id, call.func.attr
    return "", ""


@each_module
def test_a_module_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@each_module
def test_a_function_has_at_most_50_lines(path: Path) -> None:
    functions = [node for node in ast.walk(syntax(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    too_long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if (f.end_lineno or 0) - f.lineno >= 50}
    assert too_long == {}


@each_module
def test_a_module_name_is_a_noun_of_its_own(path: Path) -> None:
    if path.stem != "__init__":
        assert path.stem not in FORBIDDEN_NAMES
        assert path.stem not in sys.stdlib_module_names
        assert path.stem not in FLOORS


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


def is_sentence(node: ast.expr) -> bool:
    """Whether the expression is named as what people read: a name, an attribute, a key, or `str` of one."""
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

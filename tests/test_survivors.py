"""The list of mutants that live says why each does, of code as it stands."""

import ast
from pathlib import Path

import pytest

from benchmarks.mutants import GROUPS, SURVIVORS, Mutant, complaints, explained, module_of
from benchmarks.mutants import test_file as file_of_tests

ROOT = Path(__file__).parents[1]
LISTED = explained(SURVIVORS.read_text(encoding="utf-8"))
KEPT = Mutant(function="strategy.portfolio.drawdown_halt.reduced", was="a < b", now="a <= b")
NEW = Mutant(function="strategy.portfolio.drawdown_halt.reduced", was="a < b", now="a < c")
BLOCK = "strategy.portfolio.drawdown_halt.reduced\n    - a < b\n    + a <= b\n    = Equivalent.\n"


def source_of(function: str) -> str:
    """The lines of the function, one after the other; empty if there is no such function."""
    module = module_of(function)
    names = function.removeprefix(f"{module}.").split(".")
    text = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    nodes: list[ast.AST] = [ast.parse(text)]
    for name in names:
        nodes = [node for one in nodes for node in ast.iter_child_nodes(one) if getattr(node, "name", "") == name]
    return " ".join(line.strip() for node in nodes for line in (ast.get_source_segment(text, node) or "").splitlines())


@pytest.mark.parametrize("one", LISTED, ids=str)
def test_a_listed_mutant_is_one_of_the_code_as_it_stands(one: Mutant) -> None:
    assert one.was in source_of(one.function)
    assert one.module in {f"{group}.{name}" for group, (names, _) in GROUPS.items() for name in names}


def test_every_module_and_every_test_that_is_named_exists() -> None:
    for group, (modules, tests) in GROUPS.items():
        assert [name for name in modules if not (ROOT / group / f"{name.replace('.', '/')}.py").exists()] == []
        assert [name for name in tests if not (ROOT / file_of_tests(group, name)).exists()] == []


def test_a_mutant_that_lives_without_a_reason_and_a_reason_without_such_a_mutant_are_told() -> None:
    reasons = explained(BLOCK)
    assert complaints({KEPT: "survived"}, ["strategy.portfolio.drawdown_halt"], reasons) == []
    assert complaints({KEPT: "survived", NEW: "no test"}, ["strategy.portfolio.drawdown_halt"], reasons) == [
        f"no test: {NEW}"
    ]
    assert complaints({}, ["strategy.portfolio.drawdown_halt"], reasons) == [f"listed, but killed or gone: {KEPT}"]
    assert complaints({}, ["strategy.portfolio.sizing"], reasons) == []


def test_each_reason_is_given_and_given_once() -> None:
    assert explained(f"# why\n\n{BLOCK}") == {KEPT: "Equivalent."}
    with pytest.raises(ValueError, match="is listed twice"):
        explained(f"{BLOCK}\n{BLOCK}")
    for block in (
        BLOCK.replace("Equivalent.", ""),
        BLOCK.replace("+ a <= b\n", ""),
        "strategy.portfolio.drawdown_halt.reduced",
    ):
        with pytest.raises(ValueError, match="is no function with its lines -, "):
            explained(block)


@pytest.mark.parametrize(
    ("was", "now", "blind"),
    [
        ('"SELECT a FROM b "', '"select a from b "', True),
        ('"AND c = ?",', '"and c = ?",', True),
        ('{"account": account, "day": day},', '{"ACCOUNT": account, "day": day},', True),
        ('"SELECT a FROM b "', '"XXSELECT a FROM b XX"', False),
        ("\"WHERE side = 'buy'\"", "\"WHERE SIDE = 'BUY'\"", False),
        ('return "cash"', 'return "CASH"', False),
    ],
)
def test_a_statement_in_another_case_is_the_same_statement(was: str, now: str, blind: bool) -> None:
    assert Mutant(function="storage.ledger.orders.read_order", was=was, now=now).equivalent_sql is blind

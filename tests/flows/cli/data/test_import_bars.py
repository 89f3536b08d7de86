"""An import in words."""

from datetime import date

from flows.cli.data.import_bars import shown_import
from tasks.data.stored_bars import FindingAnswer
from tasks.operations.import_bars import ImportAnswer


def test_an_import_that_brings_nothing_new_says_so() -> None:
    text = shown_import(ImportAnswer(published={"A": 3, "B": 0}, columns={}, quarantined=(), warnings=("look",)))
    assert text.splitlines() == [
        "Published",
        "symbol  rows",
        "A       3",
        "",
        "Nothing new of B; published before.",
        "",
        "Warning: look",
    ]


def test_a_column_in_which_alone_something_changed_is_named() -> None:
    answer = ImportAnswer(published={"A": 0, "B": 0}, columns={"A": {"eps": 2}}, quarantined=(), warnings=())
    assert shown_import(answer).splitlines() == [
        "New or changed in columns of yours",
        "symbol  column  values",
        "A       eps     2",
        "",
        "Nothing new of B; published before.",
    ]


def test_of_many_findings_of_a_kind_the_first_are_listed_and_the_others_counted() -> None:
    found = [
        FindingAnswer(symbol="A", open_time=date(2020, 1, day), value="0", limit="1", reason="low")
        for day in range(1, 13)
    ]
    text = shown_import(ImportAnswer(published={}, columns={}, quarantined=tuple(found), warnings=()))
    assert text.splitlines()[:4] == ["Held back", "", "A: low", "date        value  limit"]
    assert text.splitlines()[-2:] == ["2020-01-10  0      1", "2 more"]

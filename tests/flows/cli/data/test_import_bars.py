"""An import in words."""

from flows.cli.data.import_bars import shown_import


def test_an_import_that_brings_nothing_new_says_so() -> None:
    text = shown_import({"published": {"A": 3, "B": 0}, "quarantined": [], "warnings": ["look"]})
    assert text.splitlines() == [
        "Published",
        "symbol  rows",
        "A       3",
        "",
        "Nothing new of B; published before.",
        "",
        "Warning: look",
    ]


def test_of_many_findings_of_a_kind_the_first_are_listed_and_the_others_counted() -> None:
    found = [
        {"symbol": "A", "date": f"2020-01-{day:02}", "value": "0", "limit": "1", "reason": "low"}
        for day in range(1, 13)
    ]
    text = shown_import({"published": {}, "quarantined": found, "warnings": []})
    assert text.splitlines()[:4] == ["Held back", "", "A: low", "date        value  limit"]
    assert text.splitlines()[-2:] == ["2020-01-10  0      1", "2 more"]

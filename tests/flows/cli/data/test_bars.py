"""The bars in words."""

from flows.cli.data.bars import shown_bars


def test_what_is_held_back_is_told_with_its_reason() -> None:
    row = {"source": "file:x", "symbol": "A", "date": None, "value": "0", "limit": "1", "reason": "too low"}
    assert shown_bars({"published": [], "quarantined": [row]}).splitlines() == [
        "No bars yet; `turbodmt import FILE` or `turbodmt daily` brings some.",
        "",
        "Held back",
        "",
        "A of file:x: too low",
        "date  value  limit",
        "-     0      1",
    ]

"""The bars in words."""

from flows.cli.data.bars import shown_bars
from tasks.data.stored_bars import BarsAnswer, HeldBarAnswer


def test_what_is_held_back_is_told_with_its_reason() -> None:
    row = HeldBarAnswer(source="file:x", symbol="A", open_time=None, value="0", limit="1", reason="too low")
    assert shown_bars(BarsAnswer(published=(), quarantined=(row,))).splitlines() == [
        "No bars yet; `turbodmt import FILE` or `turbodmt daily` brings some.",
        "",
        "Held back",
        "",
        "A of file:x: too low",
        "date  value  limit",
        "-     0      1",
    ]

"""The sleeves of an account as a table: what each has earned."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from flows.cli.number_format import money, ratio
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.run.answers import SleeveAnswer


def shown_sleeves(sleeves: "Sequence[SleeveAnswer]") -> str:
    """Return one line per sleeve and their sum; empty for an account that runs a single strategy."""
    if not sleeves:
        return ""
    rows = [
        {"sleeve": one.sleeve, "weight": ratio(one.weight), "profit": money(one.profit), "fees in it": money(one.fees)}
        for one in sleeves
    ]
    profit, fees = (sum(each, Decimal(0)) for each in ([one.profit for one in sleeves], [one.fees for one in sleeves]))
    total = sum(one.weight for one in sleeves)
    rows.append({"sleeve": "all", "weight": ratio(total), "profit": money(profit), "fees in it": money(fees)})
    heading = f"Sleeves since the close of {sleeves[0].since}"
    return f"{heading}\n{table(rows, ('sleeve', 'weight', 'profit', 'fees in it'))}"

"""The sleeves of an account as a table: what each has earned."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from flows.cli.number_format import cost, money, ratio
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.run.answers import SleeveAnswer


def shown_sleeves(sleeves: "Sequence[SleeveAnswer]") -> str:
    """Return one line per sleeve and their sum; empty for an account that runs a single strategy."""
    if not sleeves:
        return ""
    rows = [
        {
            "sleeve": sleeve.sleeve,
            "weight": ratio(sleeve.weight),
            "profit": money(sleeve.profit),
            "fees in it": cost(sleeve.fees),
        }
        for sleeve in sleeves
    ]
    profit = sum((sleeve.profit for sleeve in sleeves), Decimal(0))
    fees = sum((sleeve.fees for sleeve in sleeves), Decimal(0))
    total = sum(sleeve.weight for sleeve in sleeves)
    rows.append({"sleeve": "all", "weight": ratio(total), "profit": money(profit), "fees in it": cost(fees)})
    heading = f"Sleeves since the close of {sleeves[0].since}"
    return f"{heading}\n{table(rows, ('sleeve', 'weight', 'profit', 'fees in it'))}"

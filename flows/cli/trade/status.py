"""`turbodmt status`: where an account stands, on one screen."""

from typing import TYPE_CHECKING

from flows.cli.console import listed, run_command, sections, warned
from flows.cli.number_format import left, money, order, percent, quantity
from flows.cli.options import Account, AsJson, Home
from flows.cli.sleeve_lines import shown_sleeves

if TYPE_CHECKING:
    from tasks.operations.status import StatusAnswer


def status(account: Account = "daily", home: Home = None, as_json: AsJson = False) -> None:
    """Show where the account stands: equity, positions, open orders, model, next runs."""
    run_command(lambda: run_status(home, account), shown_status, as_json)


def run_status(home: str | None, account: str) -> "StatusAnswer":
    """Return the status of the account, and its scheduled runs."""
    from flows.config.settings import load
    from flows.planning.backfill_plan import TRADED
    from flows.scheduling.next_runs import next_runs
    from tasks.operations.accounts import demand_known
    from tasks.operations.status import account_status

    folder = load({"home": home}).home
    demand_known(folder, account, TRADED)
    runs, warnings = next_runs(folder, account)
    return account_status(folder, account).model_copy(update={"next_runs": tuple(runs), "warnings": tuple(warnings)})


def shown_status(answer: "StatusAnswer") -> str:
    """Return the status of the account in words, on one screen."""
    if answer.as_of is None:
        return _shown_without_day(answer)
    model = f"model {answer.model_id[:12]}" if answer.model_id else "no network"
    decided = f"{answer.strategy}, {model}" if answer.strategy else "nothing decided that day"
    last, orders = answer.last_run, [*map(order, answer.open_orders)]
    return sections(
        f"Account {answer.account} on {answer.as_of}: equity {money(answer.equity)}, cash "
        f"{money(answer.cash)}\n"
        f"{decided}, {_where(answer.broker)}; drawdown {percent(answer.drawdown)}, "
        f"{_halted(answer)}",
        _terms(answer),
        listed("Data", [*map(dict, answer.data)], ("symbol", "last", "source")),
        f"Held back: {', '.join(answer.held_back)}" if answer.held_back else "",
        listed("Positions", _positions(answer), ("symbol", "quantity", "over equity")),
        shown_sleeves(answer.sleeves),
        listed("Still to be closed", [*map(left, answer.left_over)], ("symbol", "quantity", "code", "reason")),
        listed("Flows that wait", _waiting(answer), ("kind", "amount", "symbol", "from", "key")),
        listed("Open orders", orders, ("symbol", "side", "quantity", "state", "as_of", "order_id")),
        f"Last run: {last.as_of}, begun {last.started_at}, {last.status}" if last else "",
        listed("Next runs", [{"run": run} for run in answer.next_runs], ("run",)),
        warned(answer),
    )


def _halted(answer: "StatusAnswer") -> str:
    """Return whether the account is halted or flattened, and why."""
    if not answer.halted:
        return "not halted"
    return f"{'halted and flattened' if answer.flatten else 'halted'}: {answer.halted_reason}"


def _terms(answer: "StatusAnswer") -> str:
    """Return the account's terms, and those of its next day where they differ."""
    from tasks.run.kept_terms import changed, in_words

    if answer.terms is None:
        return ""
    change = changed(answer.terms, answer.next_terms or answer.terms)
    return f"Terms: {in_words(answer.terms)}" + (f"; from its next day on {change}" if change else "")


def _waiting(answer: "StatusAnswer") -> list[dict[str, str]]:
    """Return a row per flow that waits to be booked."""
    return [
        {
            "kind": flow.kind,
            "amount": quantity(flow.quantity) if flow.symbol else money(flow.cash),
            "symbol": flow.symbol,
            "from": f"{flow.not_before}",
            "key": flow.flow_key,
        }
        for flow in answer.waiting_flows
    ]


def _positions(answer: "StatusAnswer") -> list[dict[str, str]]:
    """Return a row per position; dust is not shown as one, and --json keeps it."""
    from strategy.account.state import DUST

    shares = answer.exposures
    return [
        {"symbol": symbol, "quantity": quantity(held), "over equity": percent(shares.get(symbol))}
        for symbol, held in answer.positions.items()
        if abs(shares.get(symbol, 1.0)) >= DUST
    ]


def _shown_without_day(answer: "StatusAnswer") -> str:
    account, last = answer.account, answer.last_run
    if last and last.command == "backfill":
        return (
            f"Account {account} has no day yet; its backfill, begun {last.started_at}, is {last.status}. The "
            f"same `turbodmt backfill` fills it; `turbodmt accounts forget {account}` removes it."
        )
    named = "" if account == "daily" else f" --account {account}"
    return f"Account {account} has no day yet; `turbodmt daily{named}` makes its first."


def _where(broker: str) -> str:
    return "on paper" if broker == "paper" else f"at {broker}"

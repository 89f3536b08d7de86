"""Report pages with made-up content."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from strategy.account.orders import Fill, Order, Side
from strategy.account.state import Account, Position, Snapshot
from strategy.evaluation.metrics import Metrics
from strategy.market.findings import Finding
from strategy.portfolio.decision import Decision, Status
from tasks.report.backtest_page import BacktestPage, CostLine, Evidence
from tasks.report.backtest_tables import Fold, Measured, Trade
from tasks.report.charts import EquityPicture, Line, Panel
from tasks.report.daily_page import DailyPage, Provenance
from tasks.report.distribution import Distribution
from tasks.report.markup import Table

TODAY = date(2018, 12, 31)


def a_picture(days: int, title: str = "Equity") -> EquityPicture:
    """A picture of `days` days up to TODAY: a zigzag and a flat benchmark."""
    return EquityPicture(
        title=title,
        dates=tuple(TODAY - timedelta(days=days - 1 - day) for day in range(days)),
        lines=(
            Line(label="turbo", values=tuple(10_000.0 + 40.0 * (day % 7) + 3.0 * day for day in range(days))),
            Line(label="hold", values=(10_000.0,) * days),
        ),
        drawdown=tuple(0.01 * (day % 5) for day in range(days)),
        regimes=tuple(("Bull", "Neutral", "Bear")[day // 9 % 3] for day in range(days)),
    )


def a_fill(number: int, symbol: str = "^GSPC") -> Fill:
    return Fill(
        order_id=f"tdmt-{number:024d}",
        trade_id="1",
        symbol=symbol,
        as_of=TODAY,
        side=Side.BUY,
        quantity=Decimal("0.250000000000"),
        price=Decimal("2498.94"),
        fee=Decimal("0.0625"),
    )


def a_provenance(note: str = "sample") -> Provenance:
    return Provenance(
        run_id="run-1",
        strategy="rules",
        data_sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        code_version="0.1.0",
        model_id=None,
        seed=7,
        configuration=(("source", note),),
    )


def a_daily_page(text: str = "plain", symbol: str = "^GSPC") -> DailyPage:
    """A daily page with one row in every table; `text` stands wherever a free text may."""
    position = Position(quantity=Decimal("2"), mark=Decimal("2506.85"))
    account = Account(as_of=TODAY, cash=Decimal("5000.125"), positions={symbol: position})
    decision = Decision(
        as_of=TODAY,
        symbol=symbol,
        status=Status.TRADED,
        regime="Bull",
        confidence=0.75,
        signal=0.5,
        volatility=0.2,
        exposure=-0.25,
        reason=text,
    )
    order = Order(order_id="tdmt-1", symbol=symbol, as_of=TODAY, side=Side.SELL, quantity=Decimal("3.5"), reason=text)
    finding = Finding(symbol=symbol, open_time=None, expectation="low", value=text, limit=text, reason=text)
    return DailyPage(
        snapshot=Snapshot(account=account, equity=account.equity, drawdown=0.031),
        account=text,
        model=text,
        halted=text,
        decisions=(decision,),
        orders=(order,),
        fills=(a_fill(1, symbol),),
        warnings=(text,),
        findings=(finding,),
        provenance=a_provenance(text),
        picture=a_picture(3, title=text),
        bar_warnings=(text,),
    )


def a_backtest_page(days: int, trades: int, text: str = "plain") -> BacktestPage:
    """A backtest page of so many days and trades."""
    metrics = Metrics(
        total_return=0.5,
        cagr=0.1,
        annual_vol=None,
        sharpe=1.25,
        sharpe_raw=1.5,
        rate_mean=0.02,
        sortino=float("nan"),
        max_drawdown=0.2,
        win_rate=0.55,
        turnover_per_year=12.0,
    )
    return BacktestPage(
        strategy=text,
        symbols=(text,),
        facts=(("Net return", "+50.0%"), ("Fact", text)),
        measured=tuple(Measured(label=label, metrics=metrics) for label in ("Gross", "Net", text)),
        picture=replace(a_picture(days, title=text), panels=(a_panel(days, text),)),
        evidence=(Evidence(name="Interval, 95%", value="−0.20 to 1.10", meaning=text),),
        returns=Distribution(title=text, returns=tuple(0.01 * (day % 7 - 3) for day in range(max(days, 7)))),
        spans=Table(heading="Returns", columns=("", text), rows=(("Worst day", "−3.0%"),)),
        folds=(Fold(start=TODAY, end=TODAY, fitted_to=TODAY, trader="the prior", reason=text),),
        trades=tuple(Trade(fill=a_fill(number), reason=f"{text} {number}") for number in range(trades)),
        warnings=(),
        bar_warnings=(text,),
        would_halt_on=TODAY,
        provenance=a_provenance(),
        costs=(CostLine(name="Fees", paid="12.35", per_year="0.12%", terms=text),),
    )


def a_panel(days: int, heading: str = "Sharpe ratio") -> Panel:
    """A panel whose line begins a tenth of the way in."""
    values = tuple(float("nan") if day < days // 10 else float(day % 11 - 4) for day in range(days))
    return Panel(heading=heading, lines=(Line(label="net", values=values),), level=0.0)

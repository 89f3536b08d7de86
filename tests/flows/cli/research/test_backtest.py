"""A backtest in words."""

from datetime import date
from decimal import Decimal

from flows.cli.research.backtest import shown_backtest
from strategy.evaluation.metrics import Metrics
from tasks.backtest.answer import BacktestAnswer, BenchmarkAnswer, CostsAnswer
from tasks.performance.answer import AttributionAnswer, GainAnswer, RiskAnswer

METRICS = Metrics(
    total_return=0.5,
    cagr=None,
    annual_vol=None,
    sharpe=None,
    sharpe_raw=None,
    rate_mean=0.0,
    sortino=None,
    max_drawdown=None,
    win_rate=None,
    turnover_per_year=None,
)
PAID = Decimal("12.3456")
COSTS = CostsAnswer(
    fees=PAID,
    slippage=PAID,
    financing=PAID,
    short_fee=Decimal(0),
    interest=Decimal(0),
    total=PAID,
    fees_pct_per_year=0.1234,
    slippage_pct_per_year=0.1234,
    financing_pct_per_year=0.1234,
    short_fee_pct_per_year=0.0,
    interest_pct_per_year=0.0,
    total_pct_per_year=None,
    average_equity=Decimal(10_000),
    fee_bps={"A": 1.0},
    slippage_bps={"A": 5.0},
    per_share={},
    min_fee={},
    impact={},
    financing_rate=0.05,
    rates=None,
    borrow_spread=None,
    cash_spread=None,
    short_fee_rate=None,
)
NO_GAIN = GainAnswer(**dict.fromkeys(GainAnswer.model_fields, Decimal(0)))
ATTRIBUTION = AttributionAnswer(
    total=NO_GAIN, symbols={}, cash=NO_GAIN, long=NO_GAIN, short=NO_GAIN, regimes={}, sleeves={}
)
RISK = RiskAnswer(
    calmar=None,
    level=0.95,
    value_at_risk=None,
    conditional_value_at_risk=None,
    benchmark="hold",
    beta=None,
    alpha=None,
    correlation=None,
    tracking_error=None,
    information_ratio=None,
    time_in_market=1.0,
    trades=1,
    worst_days=(),
    drawdowns=(),
    crises=(),
    monthly_returns={},
    yearly_returns={},
)


def test_a_backtest_shows_every_account_and_what_is_undefined_as_a_dash() -> None:
    answer = BacktestAnswer(
        capacity=None,
        symbols=("A",),
        start=date(2020, 1, 2),
        end=date(2020, 1, 3),
        bars=2,
        strategy="rules",
        gross=METRICS,
        net=METRICS,
        net_2x_cost=METRICS,
        benchmarks={"hold": BenchmarkAnswer(net=METRICS)},
        costs=COSTS,
        attribution=ATTRIBUTION,
        risk=RISK,
        significance=None,
        data_sha256="ab",
        code_version="test",
        config={},
        model_id=None,
        folds=(),
        seed=7,
        trials=1,
        would_halt_on=None,
        files=(),
        warnings=(),
    )
    lines = shown_backtest(answer).splitlines()
    assert lines[0] == "rules on A, 2020-01-02 to 2020-01-03, 2 days; 1 configuration tried on these bars"
    assert [line.split() for line in lines[2:5]] == [
        ["metric", "gross", "net", "net_2x_cost", "hold"],
        ["total_return", "50.0%", "50.0%", "50.0%", "50.0%"],
        ["cagr", "-", "-", "-", "-"],
    ]
    assert max(len(line) for line in lines[2:13]) < 80
    assert lines[14:19] == [
        "costs      paid   a year  at",
        "fees       12.35  0.12%   1 bps of what is traded",
        "slippage   12.35  0.12%   5 bps of the open",
        "financing  12.35  0.12%   5% a year of what is borrowed or sold short",
        "total      12.35  -",
    ]
    halted = shown_backtest(answer.model_copy(update={"would_halt_on": date(2020, 1, 3)}))
    assert "The drawdown limit would have halted it on 2020-01-03." in halted
    assert lines[-1] == "Too few days with a change in equity: no confidence interval for the Sharpe ratio."

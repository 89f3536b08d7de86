"""A backtest in words."""

from flows.cli.research.backtest import shown_backtest

METRICS = {"total_return": 0.5, "sharpe": None}


def test_a_backtest_shows_every_account_and_what_is_undefined_as_a_dash() -> None:
    answer = {
        "symbols": ["A"],
        "start": "2020-01-02",
        "end": "2020-01-03",
        "bars": 2,
        "strategy": "rules",
        "gross": METRICS,
        "net": METRICS,
        "net_2x_cost": METRICS,
        "benchmarks": {"hold": {"net": METRICS}},
        "costs": {
            **dict.fromkeys(("fees", "slippage", "financing", "total"), "12.3456"),
            **{f"{name}_pct_per_year": 0.1234 for name in ("fees", "slippage", "financing")},
            "total_pct_per_year": None,
            "fee_bps": {"A": 1.0},
            "slippage_bps": {"A": 5.0},
            "financing_rate": 0.05,
        },
        "trials": 1,
        "significance": None,
        "would_halt_on": None,
        "files": [],
        "warnings": [],
    }
    lines = shown_backtest(answer).splitlines()
    assert lines[0] == "rules on A, 2020-01-02 to 2020-01-03, 2 days; 1 configuration tried on these bars"
    assert [line.split() for line in lines[2:5]] == [
        ["metric", "gross", "net", "net_2x_cost", "hold"],
        ["total_return", "50.0%", "50.0%", "50.0%", "50.0%"],
        ["sharpe", "-", "-", "-", "-"],
    ]
    assert max(len(line) for line in lines[2:5]) < 80
    assert lines[6:11] == [
        "costs      paid   a year  at",
        "fees       12.35  0.12%   1 bps of what is traded",
        "slippage   12.35  0.12%   5 bps of the open",
        "financing  12.35  0.12%   5% a year of what is borrowed or sold short",
        "total      12.35  -",
    ]
    halted = shown_backtest({**answer, "would_halt_on": "2020-01-03"})
    assert "The drawdown limit would have halted it on 2020-01-03." in halted
    assert lines[-1] == "Too few days with a change in equity: no confidence interval for the Sharpe ratio."

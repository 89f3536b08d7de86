"""A training in words."""

from flows.cli.research.train import shown_train


def test_a_training_without_a_defined_sharpe_says_so() -> None:
    validation = {"validation_bars": 5, "network_sharpe": None, "prior_sharpe": 0.123}
    text = shown_train(
        {
            "model_id": "ab",
            "symbols": ["A"],
            "trained_from": "x",
            "trained_to": "y",
            "validation": validation,
            "promoted": False,
            "verdict": {"reason": "5 days are too few"},
            "warnings": [],
        }
    )
    assert "Net Sharpe on 5 dates that it neither learned from nor stopped at: undefined, the prior 0.12" in text
    assert text.endswith("Refused: 5 days are too few")

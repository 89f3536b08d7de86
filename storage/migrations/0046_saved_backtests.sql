-- A backtest whose files were saved: the report's path, so that the page of all accounts can link to it while it is there.

CREATE TABLE saved_backtests (
    report VARCHAR PRIMARY KEY,
    saved_at TIMESTAMPTZ NOT NULL,
    source VARCHAR NOT NULL,
    symbols VARCHAR NOT NULL,
    strategy VARCHAR NOT NULL,
    strategy_sha256 VARCHAR,
    first_day DATE NOT NULL,
    last_day DATE NOT NULL,
    total_return DOUBLE,
    sharpe DOUBLE
);

-- A day may be decided in several passes: a symbol whose bar comes late is settled and decided in a pass of its own.
-- Decisions and snapshots of a pass are never updated; for each symbol, and for the account, the last pass counts.

CREATE TABLE decisions_by_pass (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    pass INTEGER NOT NULL,
    symbol VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    regime VARCHAR,
    confidence DOUBLE,
    signal DOUBLE,
    volatility DOUBLE,
    exposure DOUBLE,
    reason VARCHAR NOT NULL,
    source VARCHAR,
    strategy VARCHAR NOT NULL,
    model_id VARCHAR,
    data_sha256 VARCHAR NOT NULL,
    strategy_sha256 VARCHAR,
    rebalance VARCHAR,
    PRIMARY KEY (account, as_of, pass, symbol)
);

INSERT INTO decisions_by_pass
SELECT
    account, as_of, 1, symbol, status, regime, confidence, signal, volatility, exposure, reason, source, strategy, model_id,
    data_sha256, strategy_sha256, rebalance
FROM decisions;

DROP TABLE decisions;
ALTER TABLE decisions_by_pass RENAME TO decisions;

CREATE TABLE snapshots_by_pass (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    pass INTEGER NOT NULL,
    cash DECIMAL(38, 12) NOT NULL,
    equity DECIMAL(38, 12) NOT NULL,
    drawdown DOUBLE NOT NULL,
    positions JSON NOT NULL,
    unit_value DECIMAL(38, 12),
    PRIMARY KEY (account, as_of, pass)
);

INSERT INTO snapshots_by_pass
SELECT account, as_of, 1, cash, equity, drawdown, positions, unit_value FROM account_snapshots;

DROP TABLE account_snapshots;
ALTER TABLE snapshots_by_pass RENAME TO account_snapshots;

-- What a pass has seen: the symbols that it decides, those held back with the reason, and the date of the newest bar of each
-- symbol without one of the day (null: no bar). A first pass that missed nothing has no row.
CREATE TABLE passes (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    pass INTEGER NOT NULL,
    symbols JSON NOT NULL,
    held_back JSON NOT NULL,
    behind JSON NOT NULL,
    PRIMARY KEY (account, as_of, pass)
);

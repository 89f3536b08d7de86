-- What was decided and done, per account.

CREATE TABLE decisions (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    symbol VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    regime VARCHAR,
    confidence DOUBLE,
    signal DOUBLE,
    volatility DOUBLE,
    exposure DOUBLE,
    reason VARCHAR NOT NULL,
    strategy VARCHAR NOT NULL,
    model_id VARCHAR,
    data_sha256 VARCHAR NOT NULL,
    PRIMARY KEY (account, as_of, symbol)
);

CREATE TABLE orders (
    account VARCHAR NOT NULL,
    order_id VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    side VARCHAR NOT NULL,
    quantity DECIMAL(38, 12) NOT NULL,
    state VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    -- The last state in which it could trade, and the day after which it could no more: the past can be told as it was.
    open_state VARCHAR,
    settled_on DATE,
    PRIMARY KEY (account, order_id)
);

CREATE TABLE fills (
    account VARCHAR NOT NULL,
    order_id VARCHAR NOT NULL,
    trade_id VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    side VARCHAR NOT NULL,
    quantity DECIMAL(38, 12) NOT NULL,
    price DECIMAL(38, 12) NOT NULL,
    fee DECIMAL(38, 12) NOT NULL,
    PRIMARY KEY (account, order_id, trade_id)
);

CREATE TABLE entries (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    kind VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    cash DECIMAL(38, 12) NOT NULL,
    quantity DECIMAL(38, 12) NOT NULL,
    PRIMARY KEY (account, as_of, kind, symbol)
);

CREATE TABLE account_snapshots (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    cash DECIMAL(38, 12) NOT NULL,
    equity DECIMAL(38, 12) NOT NULL,
    drawdown DOUBLE NOT NULL,
    positions JSON NOT NULL,
    PRIMARY KEY (account, as_of)
);

CREATE TABLE risk_state (
    account VARCHAR PRIMARY KEY,
    halted BOOLEAN NOT NULL,
    since DATE,
    reason VARCHAR NOT NULL,
    peak_equity DECIMAL(38, 12)
);

CREATE TABLE runs (
    run_id VARCHAR PRIMARY KEY,
    account VARCHAR NOT NULL,
    command VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    status VARCHAR NOT NULL,
    code_version VARCHAR NOT NULL,
    config JSON NOT NULL,
    data_sha256 VARCHAR,
    model_id VARCHAR,
    warnings JSON,
    result JSON
);

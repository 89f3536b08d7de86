-- What is known of the market: instruments, bars with their revisions, and what the gate found.

CREATE TABLE instruments (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    calendar VARCHAR NOT NULL,
    lot DECIMAL(38, 12) NOT NULL,
    tick DECIMAL(38, 12) NOT NULL,
    shortable BOOLEAN NOT NULL,
    listed_from DATE,
    listed_to DATE,
    PRIMARY KEY (source, symbol)
);

-- A revision is superseded when the next one exists; nothing is ever updated or deleted.
-- factor = (adjusted_close / close) / link, forward: 1 at the first bar published.
CREATE TABLE bars (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    open_time TIMESTAMP NOT NULL,
    revision INTEGER NOT NULL,
    open DOUBLE NOT NULL,
    high DOUBLE NOT NULL,
    low DOUBLE NOT NULL,
    close DOUBLE NOT NULL,
    volume DOUBLE,
    adjusted_close DOUBLE,
    factor DOUBLE NOT NULL,
    link DOUBLE NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, symbol, open_time, revision)
);

CREATE VIEW current_bars AS
SELECT bars.* FROM bars
ANTI JOIN (SELECT source, symbol, open_time, revision - 1 AS revision FROM bars WHERE revision > 0) AS newer
USING (source, symbol, open_time, revision);

-- As delivered, faults included; position keeps the source's order, overlap marks rows that are published already.
CREATE TABLE bars_staged (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    open_time TIMESTAMP,
    open DOUBLE,
    high DOUBLE,
    low DOUBLE,
    close DOUBLE,
    volume DOUBLE,
    adjusted_close DOUBLE,
    overlap BOOLEAN NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, symbol, position)
);

-- Why the staged rows of a symbol are held back; the rows themselves stay in bars_staged.
CREATE TABLE bars_quarantine (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    open_time DATE,
    expectation VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    limit_value VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    quarantined_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, symbol, number)
);

CREATE TABLE validations (
    run_id VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    expectation VARCHAR NOT NULL,
    passed BOOLEAN NOT NULL,
    findings INTEGER NOT NULL,
    checked_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (run_id, source, symbol, expectation)
);

CREATE TABLE acceptances (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    open_time DATE NOT NULL,
    reason VARCHAR NOT NULL,
    accepted_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, symbol, open_time)
);

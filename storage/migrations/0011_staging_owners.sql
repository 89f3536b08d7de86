-- Each process judges and publishes what it has staged itself: another that reads the same source at the same time may
-- have been told otherwise. What waits at the gate is fetched again, so that nothing has to be carried over.

DROP TABLE bars_staged;

CREATE TABLE bars_staged (
    owner INTEGER NOT NULL,
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
    PRIMARY KEY (owner, source, symbol, position)
);

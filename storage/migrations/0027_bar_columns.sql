-- Columns of the user's own that a file delivers beside its bars. A value of null is one that was taken back, NaN one
-- that the file holds but that is no number. As with bars, a revision is superseded when the next one exists.

CREATE TABLE bar_columns (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    open_time TIMESTAMP NOT NULL,
    revision INTEGER NOT NULL,
    value DOUBLE,
    ingested_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, symbol, name, open_time, revision)
);

CREATE VIEW current_bar_columns AS
SELECT * FROM bar_columns
QUALIFY row_number() OVER (PARTITION BY source, symbol, name, open_time ORDER BY revision DESC) = 1;

-- What a delivery changes, until the data gate has judged the bars of the symbol.
CREATE TABLE bar_columns_staged (
    owner INTEGER NOT NULL,
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    open_time TIMESTAMP NOT NULL,
    value DOUBLE
);

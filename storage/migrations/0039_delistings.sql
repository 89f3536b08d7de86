-- What a person says of a symbol that its source still lists, or no longer serves: its last day, and what each unit was paid out at.

CREATE TABLE delistings (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    day DATE NOT NULL,
    price DECIMAL(38, 12) NOT NULL,
    reason VARCHAR NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, symbol)
);

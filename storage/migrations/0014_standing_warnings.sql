-- What the gate let through with a remark stands with its bar, and is told again by each answer that rests on that bar.
-- `accepted` is a person's reason where only that let the bar through.

CREATE TABLE bar_warnings (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    expectation VARCHAR NOT NULL,
    open_time DATE NOT NULL,
    value VARCHAR NOT NULL,
    limit_value VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    accepted VARCHAR,
    noted_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, symbol, expectation, open_time)
);

-- Series whose published bars have all been looked through for such remarks; those of older stores are, once.
CREATE TABLE bar_warnings_kept (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    PRIMARY KEY (source, symbol)
);

-- The calendar that a person named for a symbol; it rules instead of what a source knows or its dates suggest.
CREATE TABLE named_calendars (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    calendar VARCHAR NOT NULL,
    named_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, symbol)
);

-- The currency of a symbol's prices, as Yahoo spells it (GBp is a penny); NULL where nobody says.
ALTER TABLE instruments ADD COLUMN currency VARCHAR;

-- Cells that were written and are no numbers: their column and text.
ALTER TABLE bars_staged ADD COLUMN unread VARCHAR;

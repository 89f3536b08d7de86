-- The exchange rates that an account took on a day: the close of `dated` of the pair, for one unit of prices. A later pass of the
-- day and its replay take the same, whatever closes of the pair came or changed since.

CREATE TABLE fx_rates (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    unit VARCHAR NOT NULL,
    pair VARCHAR NOT NULL,
    dated DATE NOT NULL,
    rate DECIMAL(38, 12) NOT NULL,
    PRIMARY KEY (account, as_of, unit)
);

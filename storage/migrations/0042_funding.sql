-- Perpetual futures: which instruments are, and the payments of their funding as the data gate passed them. `rate` is a fraction that longs
-- pay to shorts, `mark` the price of the venue that it is charged on, null where its source does not record one.

ALTER TABLE instruments ADD COLUMN perpetual BOOLEAN DEFAULT FALSE;

CREATE TABLE funding_rates (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    paid_at TIMESTAMPTZ NOT NULL,
    rate DECIMAL(38, 12) NOT NULL,
    mark DECIMAL(38, 12),
    PRIMARY KEY (source, symbol, paid_at)
);

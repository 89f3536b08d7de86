-- Money and positions that enter or leave an account from outside: asked for under a key, booked with the first day not settled then.
-- The unit value of a day is the equity without them; null where the account had none so far.

CREATE TABLE cash_flows (
    account VARCHAR NOT NULL,
    flow_key VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    cash DECIMAL(38, 12) NOT NULL,
    quantity DECIMAL(38, 12) NOT NULL,
    cost DECIMAL(38, 12),
    not_before DATE NOT NULL,
    reason VARCHAR NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    settled_on DATE,
    value DECIMAL(38, 12),
    refusal VARCHAR,
    PRIMARY KEY (account, flow_key, symbol)
);

ALTER TABLE account_snapshots ADD COLUMN unit_value DECIMAL(38, 12);

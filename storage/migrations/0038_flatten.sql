-- Halts are a log of events, each written once; `risk_state` keeps the state after the newest one, and the peak.
-- `flatten`: until it is resumed, the account closes every position. `reduce_only`: the order closes one of these.

CREATE TABLE halts (
    account VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    since DATE,
    reason VARCHAR NOT NULL,
    recorded_at TIMESTAMPTZ,
    PRIMARY KEY (account, number)
);

-- When an older store was halted is known to the day alone.
INSERT INTO halts SELECT account, 1, 'halt', since, reason, NULL FROM risk_state WHERE halted;

ALTER TABLE risk_state ADD COLUMN flatten BOOLEAN DEFAULT false;
ALTER TABLE orders ADD COLUMN reduce_only BOOLEAN DEFAULT false;

-- The funding payments that the balances of a baseline hold already. Later ones are read from charges_from on: shortly before
-- the baseline, since a venue may set its clock back. Null in baselines of old, which read from adopted_at on.

ALTER TABLE adoptions ADD COLUMN charges_from TIMESTAMPTZ;

CREATE TABLE baseline_charges (
    account VARCHAR NOT NULL,
    broker VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    charge_id VARCHAR NOT NULL,
    PRIMARY KEY (account, broker, number, charge_id)
);

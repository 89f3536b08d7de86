-- What the rebalance band or frequency made of a target, as a code; null without either, and for a halted account.

ALTER TABLE decisions ADD COLUMN rebalance VARCHAR;

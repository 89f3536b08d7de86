-- The most money that one order may be worth; null where the market has no such rule.

ALTER TABLE instruments ADD COLUMN max_notional DECIMAL(38, 12);

-- Prices in another currency than their account's: the rate that converted a trade, null where none did, and what a change
-- of rate brought a position without moving cash, null for every other entry.

ALTER TABLE fills ADD COLUMN fx_rate DECIMAL(38, 12);

ALTER TABLE entries ADD COLUMN profit DECIMAL(38, 12);

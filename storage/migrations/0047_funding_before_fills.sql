-- What a funding payment owes to what was held before the day's fills: sleeves share that part by what they held then. Null: nothing.

ALTER TABLE entries ADD COLUMN before_fills DECIMAL(38, 12);

-- What a broker outside booked for a trade in the quote asset, and the assets of a symbol by its own fields; null in rows
-- of old.

ALTER TABLE executions ADD COLUMN amount DECIMAL(38, 12);
ALTER TABLE executions ADD COLUMN base VARCHAR;
ALTER TABLE executions ADD COLUMN quote VARCHAR;
ALTER TABLE fills ADD COLUMN amount DECIMAL(38, 12);
ALTER TABLE instruments ADD COLUMN base VARCHAR;
ALTER TABLE instruments ADD COLUMN quote VARCHAR;

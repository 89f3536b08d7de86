-- Why an order stands or has ended where the broker did not say what became of it, as a code; `reason` tells it in words.

ALTER TABLE orders ADD COLUMN code VARCHAR;
UPDATE orders SET code = 'never_arrived' WHERE starts_with(reason, 'never arrived');
UPDATE orders SET code = 'forgotten' WHERE starts_with(reason, 'the venue tells of no order after');
UPDATE orders SET code = 'unseen' WHERE code IS NULL AND state = 'unknown';

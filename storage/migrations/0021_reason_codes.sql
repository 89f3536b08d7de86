-- Every reason by which an order is sent, counted or told apart becomes a code; until here that was read from the sentences.
-- `cut_by_halt`: the account was halted, and the order is the part that closes the position, whatever became of it since.

ALTER TABLE orders ADD COLUMN cut_by_halt BOOLEAN DEFAULT false;

-- The sentence may stand before or behind what the broker said later, or in an earlier step alone. Orders that were sent
-- anew until 0.1 ("attempt 2") are of the same intent and the same quantity.
UPDATE orders SET cut_by_halt = true
WHERE (account, symbol, as_of) IN (
    SELECT account, symbol, as_of FROM orders WHERE contains(reason, 'halted: cut to what closes the position')
    UNION
    SELECT cut.account, cut.symbol, cut.as_of
    FROM orders AS cut
    JOIN order_events AS steps ON steps.account = cut.account AND steps.order_id = cut.order_id
    WHERE contains(steps.reason, 'halted: cut to what closes the position')
);

UPDATE orders SET code = CASE
    WHEN state = 'expired' AND starts_with(reason, 'not sent') THEN 'not_sent'
    WHEN state = 'expired' AND reason = 'the broker was adopted before it left' THEN 'overtaken'
    WHEN state IN ('skipped', 'expired') AND starts_with(reason, 'halted: only orders that reduce') THEN 'halted'
    WHEN state = 'skipped' THEN 'too_small'
    WHEN state = 'cancelled' AND reason = 'delisted' THEN 'delisted'
    WHEN state = 'cancelled' AND starts_with(reason, 'filled ') AND ends_with(reason, '; the rest is cancelled')
        THEN 'volume'
END
WHERE code IS NULL;

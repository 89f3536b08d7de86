-- Whose units paid a fee in another asset than the trade's own: the symbol of the account's position that shrank by it. Empty
-- where the fee came from the trade itself or from what is not the account's; null in rows of old.

ALTER TABLE executions ADD COLUMN fee_symbol VARCHAR;

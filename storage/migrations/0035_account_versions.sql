-- The version of the account that a trial ran in: Sharpe ratios of accounts that count money differently cannot be compared.

ALTER TABLE trials ADD COLUMN account_version INTEGER DEFAULT 1;

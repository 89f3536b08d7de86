-- What an account kept when it took a broker over anew, and what it booked for the difference: a dated entry each, with
-- its cause and its reason. They become entries of the ledger when their day is settled, added up by symbol.

CREATE TABLE takeover_positions (
    account VARCHAR NOT NULL,
    broker VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    symbol VARCHAR NOT NULL,
    quantity DECIMAL(38, 12) NOT NULL,
    cost DECIMAL(38, 12) NOT NULL,
    PRIMARY KEY (account, broker, number, symbol)
);

CREATE TABLE takeover_entries (
    account VARCHAR NOT NULL,
    broker VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    line INTEGER NOT NULL,
    as_of DATE NOT NULL,
    symbol VARCHAR NOT NULL,
    cash DECIMAL(38, 12) NOT NULL,
    quantity DECIMAL(38, 12) NOT NULL,
    cause VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    PRIMARY KEY (account, broker, number, line)
);

-- Takeovers before this turned every position into cash at its mark; those of days to come wait here from now on.
INSERT INTO takeover_entries
SELECT
    entries.account, coalesce(brokers.broker, ''), 0,
    row_number() OVER (PARTITION BY entries.account ORDER BY entries.as_of, entries.symbol),
    as_of, symbol, cash, quantity, 'reset', 'the broker was adopted anew'
FROM entries
LEFT JOIN (SELECT account, min(broker) AS broker FROM adoptions GROUP BY account) AS brokers
    ON brokers.account = entries.account
WHERE kind = 'rebase';

DELETE FROM entries
WHERE kind = 'rebase'
    AND as_of > (SELECT max(snapshots.as_of) FROM account_snapshots AS snapshots WHERE snapshots.account = entries.account);

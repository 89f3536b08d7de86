-- The resets of a broker that an account has met: orders of before are unknown there, and prove nothing any more.

CREATE TABLE resets (
    account VARCHAR NOT NULL,
    broker VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    met_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account, broker, number)
);

INSERT INTO resets
SELECT account, broker, number, adopted_at FROM adoptions WHERE symbol = '' AND reason = 'the venue was reset';

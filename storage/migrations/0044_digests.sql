-- A day's message to a person: claimed before it is sent, so that it is sent at most once. Without `sent_at` it may not have arrived.

CREATE TABLE digests (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    subject VARCHAR NOT NULL,
    body VARCHAR NOT NULL,
    claimed_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    PRIMARY KEY (account, as_of)
);

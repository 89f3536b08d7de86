-- What the past of an account has led to expect when it began to trade, as canonical JSON with its hash, which is never changed.
-- `subject` names the strategy, terms and symbols that it holds for: other ones have an expectation of their own from their day on.

CREATE TABLE expectations (
    account VARCHAR NOT NULL,
    begins_on DATE NOT NULL,
    subject VARCHAR NOT NULL,
    seed BIGINT NOT NULL,
    data_sha256 VARCHAR NOT NULL,
    code_version VARCHAR NOT NULL,
    content VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    PRIMARY KEY (account, begins_on)
);

-- What fills of a day at an external broker paid beyond the open, what the account's terms have them pay, and the money traded.

CREATE TABLE slippages (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    realised DOUBLE NOT NULL,
    modelled DOUBLE NOT NULL,
    notional DOUBLE NOT NULL,
    PRIMARY KEY (account, as_of)
);

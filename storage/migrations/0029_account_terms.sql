-- The terms that each account keeps, as dated entries: values of settings as canonical JSON, in force from a day until the next entry.
-- `recorded_on` is the day of the run that gave them, or the account's last day; an account of before has none until its next run.

CREATE TABLE account_terms (
    account VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    in_force_from DATE NOT NULL,
    recorded_on DATE NOT NULL,
    cause VARCHAR NOT NULL,
    terms VARCHAR NOT NULL,
    before VARCHAR,
    reason VARCHAR NOT NULL,
    PRIMARY KEY (account, number)
);

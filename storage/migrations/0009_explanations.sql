-- Why an order is what it is: every number between the bars that a day saw and its orders, kept when it was decided.

CREATE TABLE explanations (
    account VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    symbol VARCHAR NOT NULL,
    trace JSON NOT NULL,
    PRIMARY KEY (account, as_of, symbol)
);

-- Which symbols of a source might be held, and when: what was chosen then, not what is known to have survived.

CREATE TABLE universe (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    first DATE NOT NULL,
    last DATE,
    PRIMARY KEY (source, symbol, first)
);

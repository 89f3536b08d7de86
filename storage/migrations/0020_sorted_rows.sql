-- Rows that a source delivered out of the order of their dates and that were sorted, as it was last read.

CREATE TABLE sorted_rows (
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    rows INTEGER NOT NULL,
    first_row INTEGER NOT NULL,
    first_date DATE NOT NULL,
    PRIMARY KEY (source, symbol)
);

-- Yearly interest rates, fractions, as the data gate passed them. `published` is the date that the source gives a rate, `day` the one from
-- which it applies: later, if an account had settled days after `published` before the rate was known.

CREATE TABLE rates (
    series VARCHAR NOT NULL,
    published DATE NOT NULL,
    day DATE NOT NULL,
    rate DECIMAL(38, 12) NOT NULL,
    PRIMARY KEY (series, published)
);

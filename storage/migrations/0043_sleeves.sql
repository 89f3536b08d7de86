-- What each sleeve of an account with several strategies wanted of a symbol, in the order of the sleeves, as JSON: its
-- signal, its weight and its part of the target; null for an account with one strategy.

ALTER TABLE decisions ADD COLUMN sleeves VARCHAR;

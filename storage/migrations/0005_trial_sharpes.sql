-- What a trial showed, so that the luck of the best can be told from how far the trials lie apart. Null where nobody knows.

ALTER TABLE trials ADD COLUMN sharpe DOUBLE;
ALTER TABLE trials ADD COLUMN days INTEGER;

-- What walk-forward backtests fitted and what it foretold, so that a repeated one fits nothing. No part of the registry.

-- fold_key is a hash of all that determines the model. model_id is null where nothing could be trained.
CREATE TABLE folds (
    fold_key VARCHAR PRIMARY KEY,
    fitted_to DATE NOT NULL,
    model_id VARCHAR,
    promoted BOOLEAN NOT NULL,
    rival VARCHAR NOT NULL,
    figures JSON NOT NULL,
    reason VARCHAR NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- Of promoted models alone. A signal holds for the very bars that it saw: history_sha256 hashes those up to its date.
CREATE TABLE fold_signals (
    fold_key VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    day DATE NOT NULL,
    history_sha256 VARCHAR NOT NULL,
    signal DOUBLE NOT NULL,
    PRIMARY KEY (fold_key, symbol, day, history_sha256)
);

-- What was learned, and how often was tried.

CREATE TABLE models (
    model_id VARCHAR PRIMARY KEY,
    source VARCHAR NOT NULL,
    symbols JSON NOT NULL,
    trained_from DATE NOT NULL,
    trained_to DATE NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    seed BIGINT NOT NULL,
    config JSON NOT NULL,
    code_version VARCHAR NOT NULL,
    data_sha256 VARCHAR NOT NULL,
    validation JSON NOT NULL,
    state VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    promoted_at TIMESTAMPTZ
);

CREATE TABLE trials (
    symbols JSON NOT NULL,
    start_date DATE NOT NULL,
    end_date DATE NOT NULL,
    config_sha256 VARCHAR NOT NULL,
    config JSON NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (symbols, start_date, end_date, config_sha256)
);

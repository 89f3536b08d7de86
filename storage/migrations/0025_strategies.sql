-- Strategies of the user's own: versions of their files, the version and parameters that each account is bound to, and the verdicts
-- of their audits. What a day was decided by is kept with its decisions; null for the strategies that are built in.

CREATE TABLE strategies (
    name VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    origin VARCHAR NOT NULL,
    registered_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (name, sha256)
);

CREATE TABLE strategy_bindings (
    number INTEGER PRIMARY KEY,
    account VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    parameters VARCHAR NOT NULL,
    sizing VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    bound_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE strategy_verdicts (
    sha256 VARCHAR NOT NULL,
    parameters VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    audit_version INTEGER NOT NULL,
    passed BOOLEAN NOT NULL,
    findings VARCHAR NOT NULL,
    judged_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (sha256, parameters, source, symbol, audit_version)
);

ALTER TABLE decisions ADD COLUMN strategy_sha256 VARCHAR;

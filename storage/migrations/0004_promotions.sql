-- Who may trade since when, and the verdict that said so.

CREATE TABLE verdicts (
    model_id VARCHAR NOT NULL,
    rival VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    promoted BOOLEAN NOT NULL,
    figures JSON NOT NULL,
    reason VARCHAR NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (model_id, rival, as_of)
);

-- Append-only: a later row of the same or a later day takes the place of the ones before. model_id may be 'prior'.
CREATE TABLE promotions (
    number BIGINT PRIMARY KEY,
    source VARCHAR NOT NULL,
    symbols JSON NOT NULL,
    model_id VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    promoted_by VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    promoted_at TIMESTAMPTZ NOT NULL
);

-- Each decided from the day it had seen on; a champion that was put back by hand decides from the newest day on again.
INSERT INTO promotions
WITH promoted AS (
    SELECT *, trained_to AS since FROM models WHERE state IN ('champion', 'retired')
    UNION ALL
    SELECT *, (SELECT max(trained_to) FROM models AS other
               WHERE other.source = models.source AND other.symbols = models.symbols AND other.state = 'retired')
    FROM models WHERE state = 'champion'
)
SELECT
    row_number() OVER (ORDER BY state = 'champion', promoted_at NULLS FIRST, since, model_id),
    source, symbols, model_id, since, 'gate',
    CASE WHEN state = 'champion' THEN reason ELSE 'promoted before promotions were kept' END,
    coalesce(promoted_at, created_at)
FROM promoted
WHERE since >= trained_to;

ALTER TABLE models DROP COLUMN state;
ALTER TABLE models DROP COLUMN reason;
ALTER TABLE models DROP COLUMN promoted_at;

-- A model is what the newest promotion of its symbols and the newest verdict make of it.
CREATE VIEW registry AS
WITH ruling AS (
    SELECT * FROM promotions
    QUALIFY row_number() OVER (PARTITION BY source, symbols ORDER BY as_of DESC, number DESC) = 1
), judged AS (
    SELECT * FROM verdicts
    QUALIFY row_number() OVER (PARTITION BY model_id ORDER BY as_of DESC, created_at DESC, rival) = 1
)
SELECT
    models.*,
    CASE
        WHEN ruling.model_id = models.model_id THEN 'champion'
        WHEN models.model_id IN (SELECT promotions.model_id FROM promotions) THEN 'retired'
        WHEN NOT judged.promoted THEN 'refused'
        ELSE 'challenger'
    END AS state,
    CASE
        WHEN ruling.model_id = models.model_id THEN ruling.reason
        WHEN models.model_id IN (SELECT promotions.model_id FROM promotions)
        THEN 'replaced by ' || left(ruling.model_id, 12)
        ELSE coalesce(judged.reason, '')
    END AS reason
FROM models
LEFT JOIN ruling ON ruling.source = models.source AND ruling.symbols = models.symbols
LEFT JOIN judged ON judged.model_id = models.model_id;

-- The strategy that a model belongs to, and the sha256 of its file; null for the strategies that are built in. Until
-- here only turbo had models.

DROP VIEW registry;

ALTER TABLE models ADD COLUMN strategy VARCHAR DEFAULT 'turbo';
ALTER TABLE models ALTER COLUMN strategy DROP DEFAULT;
ALTER TABLE models ALTER COLUMN strategy SET NOT NULL;
ALTER TABLE models ADD COLUMN strategy_sha256 VARCHAR;
ALTER TABLE promotions ADD COLUMN strategy VARCHAR DEFAULT 'turbo';
ALTER TABLE promotions ALTER COLUMN strategy DROP DEFAULT;
ALTER TABLE promotions ALTER COLUMN strategy SET NOT NULL;

-- As before, but each strategy has rulings of its own.
CREATE VIEW registry AS
WITH ruling AS (
    SELECT * FROM promotions
    QUALIFY row_number() OVER (PARTITION BY source, symbols, strategy ORDER BY as_of DESC, number DESC) = 1
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
LEFT JOIN ruling
    ON ruling.source = models.source AND ruling.symbols = models.symbols AND ruling.strategy = models.strategy
LEFT JOIN judged ON judged.model_id = models.model_id;

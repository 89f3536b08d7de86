-- A champion decides for the version of the strategy that it was trained for: rulings name it, NULL for one built in.
DROP VIEW registry;

ALTER TABLE promotions ADD COLUMN strategy_sha256 VARCHAR;
UPDATE promotions SET strategy_sha256 = models.strategy_sha256 FROM models WHERE models.model_id = promotions.model_id;

-- As before, but each version of a strategy has rulings of its own.
CREATE VIEW registry AS
WITH ruling AS (
    SELECT * FROM promotions
    QUALIFY row_number() OVER (
        PARTITION BY source, symbols, strategy, strategy_sha256 ORDER BY as_of DESC, number DESC
    ) = 1
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
    AND ruling.strategy_sha256 IS NOT DISTINCT FROM models.strategy_sha256
LEFT JOIN judged ON judged.model_id = models.model_id;

-- Whose bars a decision saw: promotions rule by source, and the same symbol of another source is another instrument.

ALTER TABLE decisions ADD COLUMN source VARCHAR;

-- Older decisions have what was written beside them, or the one source that their account ever names; else null.
UPDATE decisions SET source = told.source
FROM (SELECT DISTINCT account, as_of, trace ->> 'source' AS source FROM explanations) AS told
WHERE decisions.account = told.account AND decisions.as_of = told.as_of;

UPDATE decisions SET source = named.source
FROM (
    SELECT account, min(source) AS source FROM (
        SELECT account, trace ->> 'source' AS source FROM explanations
        UNION ALL
        SELECT account, config ->> 'source' FROM runs WHERE command = 'backfill'
    ) GROUP BY account HAVING count(DISTINCT source) = 1
) AS named
WHERE decisions.account = named.account AND decisions.source IS NULL;

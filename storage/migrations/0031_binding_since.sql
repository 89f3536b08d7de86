-- The account's own day since which a binding holds; its instant may be that of a run that replays the past, or of a person
-- who accepts a change today. Null for older records.

ALTER TABLE strategy_bindings ADD COLUMN since DATE;

-- The answer of a run says by a code what is wrong with its model; until here that was its reason's being among the warnings.

UPDATE runs SET result = json_merge_patch(result, json_object('model_code', CASE
    WHEN contains(result ->> 'model_reason', '; no newer one could be trained: ') THEN 'not_trained'
    WHEN regexp_matches(result ->> 'model_reason', '^the prior trades: the model is \d+ bars old, above ') THEN 'too_old'
    ELSE 'damaged'
END))
WHERE list_contains(CAST(warnings AS VARCHAR[]), result ->> 'model_reason');

-- What a broker outside once confirmed of an order: its own number for it and when it took it. Kept as it was first told.

CREATE TABLE order_evidence (
    account VARCHAR NOT NULL,
    broker VARCHAR NOT NULL,
    order_id VARCHAR NOT NULL,
    venue_order_id VARCHAR NOT NULL,
    transacted_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account, broker, order_id)
);

-- Orders that traded before this was kept were confirmed by their trades; the broker's number for them is not known.
INSERT INTO order_evidence
SELECT executions.account, adoptions.broker, order_id, '', min(executed_at)
FROM executions
JOIN (SELECT account, min(broker) AS broker FROM adoptions GROUP BY account) AS adoptions
    ON adoptions.account = executions.account
GROUP BY executions.account, adoptions.broker, order_id;

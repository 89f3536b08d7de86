-- What brokers outside the process told: the least and most of an order, what was found at adoption, trades and charges.

ALTER TABLE instruments ADD COLUMN min_quantity DECIMAL(38, 12) DEFAULT 0;
ALTER TABLE instruments ADD COLUMN max_quantity DECIMAL(38, 12);
ALTER TABLE instruments ADD COLUMN min_notional DECIMAL(38, 12) DEFAULT 0;

-- The account owns only its own changes since; a venue that was reset is adopted anew under the next number.
-- `symbol` is empty for the cash.
CREATE TABLE adoptions (
    account VARCHAR NOT NULL,
    broker VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    symbol VARCHAR NOT NULL,
    quantity DECIMAL(38, 12) NOT NULL,
    adopted_at TIMESTAMPTZ NOT NULL,
    reason VARCHAR NOT NULL,
    PRIMARY KEY (account, broker, number, symbol)
);

-- Every step of an order that went outside, in order; sent_at of an order is when it was first 'sent'.
CREATE TABLE order_events (
    account VARCHAR NOT NULL,
    order_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account, order_id, number)
);

-- Trades in the broker's own words; `fills` holds what they mean for the account.
CREATE TABLE executions (
    account VARCHAR NOT NULL,
    order_id VARCHAR NOT NULL,
    trade_id VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    executed_at TIMESTAMPTZ NOT NULL,
    side VARCHAR NOT NULL,
    quantity DECIMAL(38, 12) NOT NULL,
    price DECIMAL(38, 12) NOT NULL,
    fee DECIMAL(38, 12) NOT NULL,
    fee_asset VARCHAR NOT NULL,
    realised DECIMAL(38, 12),
    adoption INTEGER NOT NULL,
    PRIMARY KEY (account, order_id, trade_id)
);

CREATE TABLE charges (
    account VARCHAR NOT NULL,
    charge_id VARCHAR NOT NULL,
    charged_at TIMESTAMPTZ NOT NULL,
    symbol VARCHAR NOT NULL,
    cash DECIMAL(38, 12) NOT NULL,
    as_of DATE NOT NULL,
    adoption INTEGER NOT NULL,
    PRIMARY KEY (account, charge_id)
);

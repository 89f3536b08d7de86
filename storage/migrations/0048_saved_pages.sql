-- The page of a comparison or of a sweep that was saved: its path, so that the page of all accounts can link to it while it is there.

CREATE TABLE saved_pages (
    page VARCHAR PRIMARY KEY,
    kind VARCHAR NOT NULL,
    saved_at TIMESTAMPTZ NOT NULL,
    names VARCHAR NOT NULL,
    items INTEGER NOT NULL,
    first_day DATE NOT NULL,
    last_day DATE NOT NULL,
    sharpe DOUBLE,
    deflated DOUBLE
);

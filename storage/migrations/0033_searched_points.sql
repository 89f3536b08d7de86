-- What the points of an unfinished search showed, so that a search that was stopped goes on; a finished one leaves none.

CREATE TABLE searched_points (
    point_sha256 VARCHAR PRIMARY KEY,
    metrics VARCHAR NOT NULL,
    capped DOUBLE NOT NULL,
    net DOUBLE[] NOT NULL
);

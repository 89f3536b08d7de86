-- How long a training of a kind (learner, its settings, number of symbols) took that ended on a history's last day.
CREATE TABLE training_durations (
    kind VARCHAR NOT NULL,
    trained_to DATE NOT NULL,
    seconds DOUBLE NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, trained_to)
);

-- What boxes measured, added up over spans of time; `fields` has count, sum, least and most by name.
CREATE TABLE history (
    place TEXT NOT NULL REFERENCES nodes (place),
    span_ms BIGINT NOT NULL,
    from_ms BIGINT NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (place, span_ms, from_ms)
);
CREATE INDEX history_by_age ON history (span_ms, from_ms);

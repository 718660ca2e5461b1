-- Answers of assistants that associates put right, as boxes sent them: examples to learn from.
CREATE TABLE examples (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    -- Which file of the box's counted it; a box with another disk counts anew.
    origin TEXT NOT NULL,
    number BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    example TEXT NOT NULL,
    UNIQUE (place, origin, number)
);

-- The last number that a box sent, though that example may be gone.
CREATE TABLE example_marks (
    place TEXT NOT NULL,
    origin TEXT NOT NULL,
    last BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (place, origin)
);

-- One row a pack of answers: an index and what it names, as artefacts. `contents` counts its answers by
-- route, model and language, as JSON.
CREATE TABLE packs (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    epoch BIGINT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    answers BIGINT NOT NULL,
    answer_bytes BIGINT NOT NULL,
    whole_bytes BIGINT NOT NULL,
    delta_bytes BIGINT,
    contents TEXT NOT NULL,
    author TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, epoch)
);
CREATE INDEX packs_by_digest ON packs (tenant, digest);

-- A box's word that a recall is in force there: one row for each content that the recall had.
CREATE TABLE receipts (
    place TEXT NOT NULL REFERENCES nodes (place),
    recall TEXT NOT NULL,
    digest TEXT NOT NULL,
    epoch BIGINT,
    answers BIGINT NOT NULL,
    makings BIGINT NOT NULL,
    models BIGINT NOT NULL,
    in_force_ms BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (place, recall, digest)
);
CREATE INDEX receipts_by_recall ON receipts (recall, digest);

-- Which artefacts an epoch of facts is made of. They go when a later epoch has long replaced it.
CREATE TABLE made (
    tenant TEXT NOT NULL,
    catalogue TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    digest TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, catalogue, epoch, digest)
);
CREATE INDEX made_by_digest ON made (digest);

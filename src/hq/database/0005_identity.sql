-- The key of the box that used a claim: the same box may repeat it.
ALTER TABLE claims ADD COLUMN public_key TEXT;

-- Since when a box is none of ours any more.
ALTER TABLE nodes ADD COLUMN revoked_ms BIGINT;

-- Versions and epochs that nodes have seen; no number up to these is given out again. `name` is a
-- document, or `facts/` and a catalogue.
CREATE TABLE floors (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

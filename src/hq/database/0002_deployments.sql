-- Bundles that HQ knows; `name` is by which people know one.
CREATE TABLE bundles (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    path TEXT,
    inline BLOB,
    files_bytes BIGINT NOT NULL,
    parts TEXT NOT NULL,
    -- How long a box watches it, and how long after its offer a box may take it.
    watch_s BIGINT NOT NULL,
    take_within_s BIGINT NOT NULL,
    author TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, name),
    UNIQUE (tenant, digest)
);

-- One row a deployment. `bundle` is none where each box gets the one it had before `reverts`.
CREATE TABLE deployments (
    number BIGINT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    bundle TEXT,
    reverts BIGINT REFERENCES deployments (number),
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Counts the changes of `state`, for whoever changes it over the one they saw.
    revision BIGINT NOT NULL,
    reason TEXT,
    within_s BIGINT NOT NULL,
    max_bad BIGINT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_ms BIGINT NOT NULL,
    approved_by TEXT,
    approved_ms BIGINT,
    ended_by TEXT,
    started_ms BIGINT,
    ended_ms BIGINT,
    -- Until when it must have begun, and then until when it must have ended.
    deadline_ms BIGINT NOT NULL
);
CREATE INDEX deployments_by_state ON deployments (state);

-- The boxes of a deployment as they were when it began. `result` is written once.
CREATE TABLE deployment_nodes (
    deployment BIGINT NOT NULL REFERENCES deployments (number),
    place TEXT NOT NULL REFERENCES nodes (place),
    version BIGINT NOT NULL,
    digest TEXT NOT NULL,
    before_version BIGINT,
    before_digest TEXT,
    result TEXT,
    code TEXT,
    reason TEXT,
    attested TEXT,
    judged_ms BIGINT,
    PRIMARY KEY (deployment, place)
);
CREATE INDEX deployment_nodes_by_place ON deployment_nodes (place, deployment);
CREATE INDEX deployment_nodes_by_result ON deployment_nodes (deployment, result);

-- The version of the bundle document that deployments want of a box now, and until when it may begin.
CREATE TABLE wishes (
    place TEXT PRIMARY KEY REFERENCES nodes (place),
    deployment BIGINT NOT NULL REFERENCES deployments (number),
    version BIGINT NOT NULL,
    until_ms BIGINT
);

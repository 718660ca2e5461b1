CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE tenants (
    name TEXT PRIMARY KEY,
    created_ms BIGINT NOT NULL
);

CREATE TABLE stores (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- `place` is tenant/store/node; `epoch` and `presence` are what the node last said of itself.
CREATE TABLE nodes (
    place TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    store TEXT NOT NULL,
    node TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    presence TEXT NOT NULL DEFAULT 'never',
    presence_ms BIGINT NOT NULL DEFAULT 0,
    heard_ms BIGINT NOT NULL DEFAULT 0,
    boot TEXT,
    ledger TEXT,
    token TEXT,
    public_key TEXT,
    certificate_until_ms BIGINT,
    -- A renewal counts when its token is first used: its answer may have been lost.
    next_token TEXT,
    next_public_key TEXT,
    FOREIGN KEY (tenant, store) REFERENCES stores (tenant, name)
);
CREATE INDEX nodes_by_store ON nodes (tenant, store);

CREATE TABLE members (
    tenant TEXT NOT NULL,
    grp TEXT NOT NULL,
    place TEXT NOT NULL REFERENCES nodes (place),
    PRIMARY KEY (tenant, grp, place)
);
CREATE INDEX members_by_place ON members (place);

CREATE TABLE groups (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- How far each stream of each ledger has come: a watermark as JSON.
CREATE TABLE marks (
    place TEXT NOT NULL REFERENCES nodes (place),
    ledger TEXT NOT NULL,
    stream TEXT NOT NULL,
    mark TEXT NOT NULL,
    PRIMARY KEY (place, ledger, stream)
);

CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    ledger TEXT NOT NULL,
    stream TEXT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
);
CREATE INDEX gaps_by_place ON gaps (place, stream);

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    ledger TEXT NOT NULL,
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    name TEXT NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX events_by_place ON events (place, id);

CREATE TABLE telemetry (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX telemetry_by_place ON telemetry (place, until_ms);

CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    level TEXT NOT NULL,
    room TEXT NOT NULL,
    sentence TEXT NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX logs_by_place ON logs (place, id);

-- Blocks of nodes' audit logs. `chained` is 1 where a block goes on where the one before ended.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    ledger TEXT NOT NULL,
    seq BIGINT NOT NULL,
    first BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    chained BIGINT NOT NULL,
    body BLOB NOT NULL,
    at_ms BIGINT NOT NULL
);
CREATE INDEX audit_by_place ON audit (place, first);

-- The last head of each node's audit log, with HQ's signature.
CREATE TABLE audit_heads (
    place TEXT PRIMARY KEY,
    last BIGINT NOT NULL,
    head TEXT NOT NULL,
    signed TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE TABLE laid_aside (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    topic TEXT NOT NULL,
    why TEXT NOT NULL,
    payload BLOB NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE TABLE desired (
    tenant TEXT NOT NULL,
    document TEXT NOT NULL,
    version BIGINT NOT NULL,
    target TEXT NOT NULL,
    digest TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    path TEXT,
    inline BLOB,
    issued_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    author TEXT NOT NULL,
    PRIMARY KEY (tenant, document, version)
);
CREATE INDEX desired_by_target ON desired (target, document, version);

CREATE TABLE reported (
    place TEXT NOT NULL REFERENCES nodes (place),
    document TEXT NOT NULL,
    time BIGINT NOT NULL,
    desired BIGINT,
    stage TEXT NOT NULL,
    applied BIGINT,
    observed TEXT,
    at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (place, document)
);

-- `seq` counts a node's commands; `state` is what the node said of it, newest `time` first.
CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    place TEXT NOT NULL REFERENCES nodes (place),
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    arguments TEXT NOT NULL,
    issued_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    signed BLOB NOT NULL,
    author TEXT NOT NULL,
    outcome TEXT,
    time BIGINT NOT NULL DEFAULT 0,
    outcome_ms BIGINT,
    details TEXT,
    UNIQUE (place, seq)
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);

CREATE TABLE acts (
    id INTEGER PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    who TEXT NOT NULL,
    act TEXT NOT NULL,
    target TEXT NOT NULL,
    details TEXT NOT NULL
);

CREATE TABLE claims (
    id TEXT PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    store TEXT NOT NULL,
    node TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT,
    author TEXT NOT NULL,
    FOREIGN KEY (tenant, store) REFERENCES stores (tenant, name)
);

-- `epoch` is what stores are told of; `applied` is ahead of it while artefacts are being made.
CREATE TABLE catalogues (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    applied BIGINT NOT NULL DEFAULT 0,
    root TEXT,
    path TEXT,
    facts BIGINT NOT NULL DEFAULT 0,
    whole_bytes BIGINT NOT NULL DEFAULT 0,
    delta_bytes BIGINT,
    at_ms BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, name)
);

-- One row a fact; without `digest` it was removed. `epoch` is when it last changed, `pushed` the push
-- that last named it. Facts are read in the order of their bytes.
CREATE TABLE facts (
    tenant TEXT NOT NULL,
    catalogue TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    pushed TEXT NOT NULL,
    digest TEXT,
    fact TEXT,
    PRIMARY KEY (tenant, catalogue, kind, id)
);
CREATE INDEX facts_by_epoch ON facts (tenant, catalogue, epoch);

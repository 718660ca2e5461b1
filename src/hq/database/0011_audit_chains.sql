-- Chains of a node's audit log that are over, with the head that HQ signed. Blocks of the n-th chain have
-- `chained` n; the one that goes on has its head in `audit_heads` and began with entry `next_first`.
CREATE TABLE audit_chains (
    place TEXT NOT NULL REFERENCES nodes (place),
    chain BIGINT NOT NULL,
    last BIGINT NOT NULL,
    signed TEXT,
    signed_ms BIGINT NOT NULL,
    next_first BIGINT NOT NULL,
    reason TEXT NOT NULL,
    ended_ms BIGINT NOT NULL,
    PRIMARY KEY (place, chain)
);

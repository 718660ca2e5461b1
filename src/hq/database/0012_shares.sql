-- When a mark was last moved: of a node that counts in ever new ledgers, the oldest leave.
ALTER TABLE marks ADD COLUMN at_ms BIGINT NOT NULL DEFAULT 0;

-- Of what was laid aside a node keeps its newest.
CREATE INDEX laid_aside_by_place ON laid_aside (place, id);

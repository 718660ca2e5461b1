-- A copy of a disk speaks in the name of the box it was copied from. A start of the program never comes back
-- after a later one, so two that take turns are two boxes: `turns` counts how often that was seen in a row.
ALTER TABLE nodes ADD COLUMN boot_before TEXT;
ALTER TABLE nodes ADD COLUMN turns BIGINT NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN doubled_ms BIGINT;

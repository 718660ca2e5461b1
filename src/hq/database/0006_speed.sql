-- A node shows its token with every file that it fetches.
CREATE INDEX nodes_by_token ON nodes (token);
CREATE INDEX nodes_by_next_token ON nodes (next_token);

-- Every few seconds the few unanswered ones are looked for among all that were ever given.
CREATE INDEX commands_by_end ON commands (expires_ms);

-- And what was wanted lately, among all versions.
CREATE INDEX desired_by_time ON desired (issued_ms);

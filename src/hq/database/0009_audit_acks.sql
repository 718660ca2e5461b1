-- With each acknowledgement of an audit log, its last block is looked for by the number in its stream.
CREATE INDEX audit_by_seq ON audit (place, ledger, seq);

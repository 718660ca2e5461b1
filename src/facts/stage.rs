//! A batch that is too large for memory.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};

use super::batch::{Change, Idempotency, Written};
use super::error::FactsError;
use super::name::FactId;
use super::publication::{Publication, PublishError, Sum};
use super::state::check_size;
use super::store::Facts;
use super::time::UnixSeconds;

/// Bytes of a line besides its fact.
const LINE_OVERHEAD_BYTES: usize = 1024;

/// A batch on its way: each change is checked when it comes and waits in a file that has no name;
/// [`Self::commit`] makes them all or none. Dropped before that, it leaves nothing behind.
#[derive(Debug)]
pub struct Staged {
    facts: Facts,
    spool: BufWriter<File>,
    bytes: u64,
}

/// A batch that was refused because of one of its changes.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct Refused {
    /// The line of the change, counted from 1; 0 where it is none of them in particular.
    pub line: u64,
    /// What is wrong.
    pub error: FactsError,
}

impl Staged {
    pub(super) fn new(facts: Facts, spool: File) -> Self {
        Self { facts, spool: BufWriter::new(spool), bytes: 0 }
    }

    /// Bytes that a line may have.
    pub fn max_line_bytes(&self) -> usize {
        // JSON may be written with more spaces than it needs.
        2 * self.facts.config().max_fact_bytes + LINE_OVERHEAD_BYTES
    }

    /// Adds a change. Blocks on the disk.
    pub fn push(&mut self, change: &Change) -> Result<(), FactsError> {
        if let Change::Put { id, fact, .. } = change {
            let id = FactId { table: fact.table(), id: id.clone() };
            fact.check().map_err(|fault| FactsError::Invalid { id: id.clone(), fault })?;
            check_size(&id, fact, self.facts.config().max_fact_bytes)?;
        }
        let spool = |error| self.facts.spool_failed("writing", error);
        let mut line = change.to_line().map_err(|error| spool(error.into()))?;
        line.push(b'\n');
        let given = self.bytes + line.len() as u64;
        let limit = self.facts.config().max_batch_bytes;
        if given > limit {
            return Err(FactsError::Batch { given, limit });
        }
        self.spool.write_all(&line).map_err(|error| self.facts.spool_failed("writing", error))?;
        self.bytes = given;
        Ok(())
    }

    /// Adds a change from its line; a line without anything counts as one and changes nothing.
    /// Blocks on the disk.
    pub fn push_line(&mut self, line: &[u8]) -> Result<(), FactsError> {
        if line.trim_ascii().is_empty() {
            self.bytes += 1;
            let written = self.spool.write_all(b"\n");
            return written.map_err(|error| self.facts.spool_failed("writing", error));
        }
        self.push(&Change::parse(line)?)
    }

    /// Makes all changes, or none. Blocks until they are on disk.
    pub fn commit(
        self,
        idempotency: Option<Idempotency>,
        now: UnixSeconds,
    ) -> Result<Written, Refused> {
        let facts = self.facts.clone();
        facts.apply(self.changes()?, idempotency.as_ref(), now)
    }

    /// Takes the changes as those of an epoch that headquarters published, if the facts then add up
    /// to its root. Blocks until they are on disk.
    pub fn publish(
        self,
        publication: &Publication,
        now: UnixSeconds,
        sum: Sum<'_>,
    ) -> Result<Written, PublishError> {
        let facts = self.facts.clone();
        facts.publish(self.changes()?, publication, now, sum)
    }

    /// What waits, with the numbers of its lines.
    fn changes(self) -> Result<impl Iterator<Item = (u64, Result<Change, FactsError>)>, Refused> {
        let facts = self.facts;
        let failed = |error| Refused { line: 0, error: facts.spool_failed("reading", error) };
        let mut spool = self.spool.into_inner().map_err(|error| failed(error.into_error()))?;
        spool.seek(SeekFrom::Start(0)).map_err(failed)?;
        let lines = BufReader::new(spool).split(b'\n');
        Ok(lines.zip(1..).filter_map(move |(line, number)| match line {
            Ok(line) if line.is_empty() => None,
            Ok(line) => Some((number, Change::parse(&line))),
            Err(error) => Some((number, Err(facts.spool_failed("reading", error)))),
        }))
    }
}

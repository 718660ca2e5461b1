//! One chain of an audit log, followed from block to block.

use crate::hq::error::HqError;
use crate::hq::rows::{int, uint};
use crate::hq::service::Hq;
use crate::protocol::{AuditBlock, Digest, Message};

/// The schema under which blocks are kept.
const AUDIT_SCHEMA: u16 = 3;
/// Blocks that are read at once.
const SOME: i64 = 500;

/// How far a chain was followed.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) first: Option<u64>,
    /// Number of the entry that would come next; 0 where there is none yet.
    pub(super) next: u64,
    pub(super) head: Option<Digest>,
    pub(super) entries: u64,
}

impl Hq {
    /// Goes from block to block; what is wrong with the first that does not fit.
    pub(super) async fn follow_blocks(
        &self,
        (place, chain): (&str, u64),
        followed: &mut Followed,
    ) -> Result<Option<String>, HqError> {
        let select = "SELECT first, entries, before, after, body FROM audit
             WHERE place = $1 AND chained = $4 AND first >= $2 ORDER BY first, id LIMIT $3";
        loop {
            let rows: Vec<(i64, i64, String, String, Vec<u8>)> = sqlx::query_as(select)
                .bind(place)
                .bind(int(followed.next))
                .bind(SOME)
                .bind(int(chain))
                .fetch_all(self.database.reader())
                .await
                .map_err(HqError::database("reading an audit log"))?;
            let full = rows.len() as i64 >= SOME;
            for (first, entries, before, after, body) in rows {
                let said = (uint(first), uint(entries), before, after);
                if let Some(fault) = followed.take(said, &body) {
                    return Ok(Some(fault));
                }
            }
            if !full {
                return Ok(None);
            }
        }
    }
}

impl Followed {
    /// Takes the next block; what is wrong with it.
    fn take(&mut self, said: (u64, u64, String, String), body: &[u8]) -> Option<String> {
        let (first, entries, before, after) = said;
        let at = format!("block of entry {first}");
        let Ok(Message::Audit(block)) = Message::parse(AUDIT_SCHEMA, body) else {
            return Some(format!("{at}: it cannot be read"));
        };
        if self.first.is_some() && first != self.next {
            return Some(format!(
                "entries {} to {} are missing",
                self.next,
                first.saturating_sub(1)
            ));
        }
        let same = block.first == first
            && block.entries.len() as u64 == entries
            && block.before.to_string() == before
            && block.after.to_string() == after;
        if !same {
            return Some(format!("{at}: it is not what stands beside it"));
        }
        if !block.is_sound() {
            return Some(format!("{at}: its entries do not lead to its head"));
        }
        let expected = self.head.or_else(|| (first == 1).then_some(Digest([0; 32])));
        if expected.is_some_and(|expected| expected != block.before) {
            return Some(format!("{at}: it does not go on where the one before ended"));
        }
        self.follow(&block);
        None
    }

    fn follow(&mut self, block: &AuditBlock) {
        self.first.get_or_insert(block.first);
        self.entries += block.entries.len() as u64;
        self.next = block.first.saturating_add(block.entries.len() as u64);
        self.head = Some(block.after);
    }
}

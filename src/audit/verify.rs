//! Whether the chain is as it was written.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};
use serde::{Deserialize, Serialize};

use super::entry::{head_after, hex};
use super::error::{AuditError, During};
use super::store::{Audit, end};
use super::tables::{ENTRIES, HEADS};

const READING: &str = "reading the chain";

/// What came of looking at the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The number of the first entry that is kept, and of the last.
    pub first: u64,
    /// See `first`; 0 where there is none.
    pub last: u64,
    /// The head that the entries make, hexadecimal.
    pub head: String,
    /// How many of the heads that somebody else noted were compared; what the chain began with later, or
    /// what would stand behind a fault, was not.
    pub compared: u64,
    /// Where it is not as it was written.
    pub fault: Option<Fault>,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An entry is not there.
    #[error("entry {number} is missing")]
    Missing {
        /// Its number.
        number: u64,
    },
    /// The entries make another head than the one that was noted with the last of them.
    #[error(
        "the entries up to {last} do not make the head that was noted: one of them was changed"
    )]
    Changed {
        /// The number of the last one.
        last: u64,
    },
    /// The entries make another head than somebody else has noted.
    #[error(
        "the entries up to {number} do not make the head that headquarters was told: the chain was \
         written anew"
    )]
    Rewritten {
        /// The number of the last one.
        number: u64,
    },
    /// Somebody else has noted more than there is.
    #[error("entry {number}, whose head headquarters was told, is not there: the chain was cut")]
    Cut {
        /// Its number.
        number: u64,
    },
    /// There are entries behind the noted end.
    #[error("entry {number} stands behind the noted end")]
    Beyond {
        /// Its number.
        number: u64,
    },
}

/// A head of the chain as somebody else noted it, who has no part in the box: headquarters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// The number of the last entry before it.
    pub entries: u64,
    /// The head, hexadecimal.
    pub head: String,
}

impl Audit {
    /// Recomputes the chain, after everything that was told is in it, and compares it with what others
    /// have noted of it. Takes as long as reading all of it.
    pub fn verify(&self, noted: &[Noted]) -> Result<Verified, AuditError> {
        self.flush();
        verify(&self.shared.read()?, noted)
    }

    /// The same for a file that no server has open. Changes nothing in it.
    pub fn verify_file(path: &Path, noted: &[Noted]) -> Result<Verified, AuditError> {
        let database = redb::Builder::new().open_read_only(path);
        match database {
            Ok(database) => verify(&database.begin_read().during(READING)?, noted),
            // After a power cut it has to be repaired first, which only its owner may.
            Err(redb::DatabaseError::RepairAborted) => {
                let database = Database::open(path).during("opening the audit")?;
                verify(&database.begin_read().during(READING)?, noted)
            }
            Err(error) => Err(error).during("opening the audit"),
        }
    }
}

fn verify(transaction: &ReadTransaction, others: &[Noted]) -> Result<Verified, AuditError> {
    let heads = transaction.open_table(HEADS).during(READING)?;
    let ((before, mut head), (last, noted)) = (end(&heads, "before")?, end(&heads, "last")?);
    let entries = transaction.open_table(ENTRIES).during(READING)?;
    let mut at = before;
    let mut fault = None;
    let mut compare = Compare::with(others, before);
    compare.head(at, &head, &mut fault);
    for row in entries.iter().during(READING)? {
        let (number, bytes) = row.during(READING)?;
        let number = number.value();
        if number > last {
            fault = Some(Fault::Beyond { number });
        } else if number != at + 1 {
            fault = Some(Fault::Missing { number: at + 1 });
        }
        if fault.is_some() {
            break;
        }
        (at, head) = (number, head_after(head, number, bytes.value()));
        compare.head(at, &head, &mut fault);
        if fault.is_some() {
            break;
        }
    }
    if fault.is_none() && at != last {
        fault = Some(Fault::Missing { number: at + 1 });
    }
    if fault.is_none() && head != noted {
        fault = Some(Fault::Changed { last });
    }
    let fault = fault.or_else(|| compare.beyond(last));
    let first = if last == before { 0 } else { before + 1 };
    Ok(Verified { first, last, head: hex(&head), compared: compare.compared, fault })
}

/// What others noted, in order.
struct Compare<'a> {
    noted: Vec<&'a Noted>,
    compared: u64,
}

impl<'a> Compare<'a> {
    /// What stands before the first entry that is kept cannot be compared any more.
    fn with(others: &'a [Noted], before: u64) -> Self {
        let mut noted: Vec<_> = others.iter().filter(|noted| noted.entries >= before).collect();
        noted.sort_by_key(|noted| std::cmp::Reverse(noted.entries));
        Self { noted, compared: 0 }
    }

    /// The chain has this head after this entry.
    fn head(&mut self, number: u64, head: &[u8; 32], fault: &mut Option<Fault>) {
        while let Some(noted) = self.noted.pop_if(|noted| noted.entries == number) {
            self.compared += 1;
            // Where there is no entry there is no head.
            if number > 0 && noted.head != hex(head) {
                *fault = Some(Fault::Rewritten { number });
            }
        }
    }

    /// Something that was noted is behind the end.
    fn beyond(&self, last: u64) -> Option<Fault> {
        let number = self.noted.iter().map(|noted| noted.entries).max()?;
        (number > last).then_some(Fault::Cut { number })
    }
}

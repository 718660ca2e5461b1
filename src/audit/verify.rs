//! Whether the chain is as it was written.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};

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
    /// There are entries behind the noted end.
    #[error("entry {number} stands behind the noted end")]
    Beyond {
        /// Its number.
        number: u64,
    },
}

impl Audit {
    /// Recomputes the chain, after everything that was told is in it. Takes as long as reading all
    /// of it.
    pub fn verify(&self) -> Result<Verified, AuditError> {
        self.flush();
        verify(&self.shared.read()?)
    }

    /// The same for a file that no server has open. Changes nothing in it.
    pub fn verify_file(path: &Path) -> Result<Verified, AuditError> {
        let database = redb::Builder::new().open_read_only(path);
        match database {
            Ok(database) => verify(&database.begin_read().during(READING)?),
            // After a power cut it has to be repaired first, which only its owner may.
            Err(redb::DatabaseError::RepairAborted) => {
                let database = Database::open(path).during("opening the audit")?;
                verify(&database.begin_read().during(READING)?)
            }
            Err(error) => Err(error).during("opening the audit"),
        }
    }
}

fn verify(transaction: &ReadTransaction) -> Result<Verified, AuditError> {
    let heads = transaction.open_table(HEADS).during(READING)?;
    let ((before, mut head), (last, noted)) = (end(&heads, "before")?, end(&heads, "last")?);
    let entries = transaction.open_table(ENTRIES).during(READING)?;
    let mut at = before;
    let mut fault = None;
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
    }
    if fault.is_none() && at != last {
        fault = Some(Fault::Missing { number: at + 1 });
    }
    if fault.is_none() && head != noted {
        fault = Some(Fault::Changed { last });
    }
    let first = if last == before { 0 } else { before + 1 };
    Ok(Verified { first, last, head: hex(&head), fault })
}

//! How an erasure reaches what was kept.

use std::sync::Weak;

use super::entry::Entry;
use super::error::{AuditError, During};
use super::store::Shared;
use super::tables::{BY_SUBJECT, INPUTS};
use super::writer::{append, count_bytes, now};
use crate::shoppers::{Erased, Reach, SubjectId};

const ERASING: &str = "erasing inputs";

/// Erases inputs with their subject, as long as the audit is there.
pub(super) struct Erasing(pub(super) Weak<Shared>);

impl Reach for Erasing {
    fn room(&self) -> &'static str {
        "audit"
    }

    fn erase(&self, subject: &SubjectId) -> Result<Erased, String> {
        self.take(subject, true)
    }

    fn over(&self, subject: &SubjectId) -> Result<Erased, String> {
        self.take(subject, false)
    }
}

impl Erasing {
    fn take(&self, subject: &SubjectId, asked_for: bool) -> Result<Erased, String> {
        let Some(shared) = self.0.upgrade() else { return Ok(Erased::default()) };
        let answers = shared.erase(subject, asked_for).map_err(|error| error.to_string())?;
        Ok(Erased { answers, ..Erased::default() })
    }
}

impl Shared {
    /// Takes out what is sealed of a subject; of how many records. What somebody asked for is told in
    /// the chain and beside each record.
    fn erase(&self, subject: &SubjectId, asked_for: bool) -> Result<u64, AuditError> {
        let subject = subject.to_bytes();
        if !self.has_inputs(subject)? {
            return Ok(0);
        }
        self.write(|transaction| {
            let mut numbers = Vec::new();
            let mut by_subject = transaction.open_table(BY_SUBJECT).during(ERASING)?;
            by_subject
                .retain_in((subject, 0)..=(subject, u64::MAX), |(_, number), ()| {
                    numbers.push(number);
                    false
                })
                .during(ERASING)?;
            let mut inputs = transaction.open_table(INPUTS).during(ERASING)?;
            let mut bytes = 0;
            for number in &numbers {
                let row = inputs.remove(number).during(ERASING)?;
                bytes += row.map_or(0, |row| row.value().1.len() as u64);
                if asked_for {
                    inputs.insert(number, (subject, &[][..])).during(ERASING)?;
                }
            }
            count_bytes(transaction, |held| held.saturating_sub(bytes))?;
            let answers = numbers.len() as u64;
            if asked_for {
                append(transaction, &Entry::Erased { at: now(), answers })?;
            }
            Ok(answers)
        })
    }

    fn has_inputs(&self, subject: [u8; 16]) -> Result<bool, AuditError> {
        let by_subject = self.read()?.open_table(BY_SUBJECT).during(ERASING)?;
        let mut range = by_subject.range((subject, 0)..=(subject, u64::MAX)).during(ERASING)?;
        Ok(range.next().is_some())
    }
}

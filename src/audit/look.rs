//! What is known of one answer.

use serde_json::Value;

use super::entry::{Entry, Made, digest};
use super::error::{AuditError, During};
use super::kept::{Kept, context};
use super::record::AnswerId;
use super::store::Audit;
use super::tables::{ENTRIES, IDS, INPUTS};
use crate::shoppers::{ShoppersError, SubjectId};

const READING: &str = "reading a record";

/// All there is of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its number in the chain.
    pub number: u64,
    /// The entry as it was written.
    pub entry: Value,
    /// The entry of the text that it was made of, where there is one here.
    pub made: Option<Value>,
    /// What was asked and told, where it can be opened.
    pub opened: Option<Opened>,
    /// Why it cannot be.
    pub closed: Option<NotReplayable>,
}

/// What was sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// What was asked.
    pub asked: Value,
    /// What was said or told.
    pub text: String,
    /// Whether the digests in the entry are those of the two.
    pub as_recorded: bool,
}

/// What is needed to make an answer's text again.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayable {
    /// The package that was asked.
    pub model: String,
    /// Its digest then.
    pub model_digest: String,
    /// What it was asked.
    pub inputs: Value,
    /// What it said, whose digest is in the chain.
    pub text: String,
    /// Whether that was all of it; else it is the beginning.
    pub whole: bool,
}

/// Why an answer cannot be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayable {
    /// No model had a part in it.
    #[error("it was made of facts alone, which its record names with their revisions")]
    OfFacts,
    /// Every text was refused, and facts answered.
    #[error("no text of the model passed the checks; facts answered in its place")]
    Refused,
    /// It came with a pack, or the record of its making has left.
    #[error("its text was made elsewhere, or so long ago that the record of it has left")]
    Elsewhere,
    /// The subject was erased.
    #[error("its inputs were erased, as somebody asked for it")]
    Erased,
    /// Their time is over.
    #[error("its inputs are kept no longer")]
    KeptNoLonger,
    /// What is there is not what the chain says.
    #[error("its inputs are not those of which the chain has the digests")]
    Changed,
}

/// An entry with its number.
struct Found {
    number: u64,
    entry: Entry,
}

impl Audit {
    /// All there is of an answer, or of the making of a text.
    pub fn show(&self, id: &AnswerId) -> Result<Shown, AuditError> {
        self.flush();
        let found = self.found(id)?;
        let made = match &found.entry {
            Entry::Given(given) => given.made.map(|made| self.found(&made)),
            _ => None,
        };
        let made = match made {
            Some(Ok(made)) => Some(value(&made)?),
            Some(Err(AuditError::NotFound { .. })) | None => None,
            Some(Err(error)) => return Err(error),
        };
        let (opened, closed) = match self.kept(&found, id)? {
            Ok(kept) => (Some(opened(&found.entry, kept)), None),
            Err(why) => (None, Some(why)),
        };
        Ok(Shown { number: found.number, entry: value(&found)?, made, opened, closed })
    }

    /// What is needed to make an answer's text again, or why that cannot be.
    pub fn replayable(
        &self,
        id: &AnswerId,
    ) -> Result<Result<Replayable, NotReplayable>, AuditError> {
        self.flush();
        let (found, id) = match self.found(id)? {
            Found { entry: Entry::Given(given), .. } => match given.made {
                Some(made) => match self.found(&made) {
                    Err(AuditError::NotFound { .. }) => return Ok(Err(NotReplayable::Elsewhere)),
                    found => (found?, made),
                },
                None if given.step == "model" => return Ok(Err(NotReplayable::Elsewhere)),
                None => return Ok(Err(NotReplayable::OfFacts)),
            },
            found => (found, *id),
        };
        let Entry::Made(Made { model, model_digest, said: Some(said), .. }) = &found.entry else {
            return Ok(Err(NotReplayable::Refused));
        };
        let kept = match self.kept(&found, &id)? {
            Ok(kept) => kept,
            Err(why) => return Ok(Err(why)),
        };
        let digests = (said.prompt_digest.clone(), said.text_digest.clone());
        if kept.digests() != digests {
            return Ok(Err(NotReplayable::Changed));
        }
        Ok(Ok(Replayable {
            model: model.clone(),
            model_digest: model_digest.clone(),
            inputs: kept.asked,
            text: kept.text,
            whole: said.whole,
        }))
    }

    fn found(&self, id: &AnswerId) -> Result<Found, AuditError> {
        let gone = || AuditError::NotFound { id: id.to_string() };
        let transaction = self.shared.read()?;
        let ids = transaction.open_table(IDS).during(READING)?;
        let number = ids.get(id.0).during(READING)?.ok_or_else(gone)?.value();
        let entries = transaction.open_table(ENTRIES).during(READING)?;
        let bytes = entries.get(number).during(READING)?.ok_or_else(gone)?;
        let entry = serde_json::from_slice(bytes.value())
            .map_err(|error| AuditError::Damaged { number, why: error.to_string() })?;
        Ok(Found { number, entry })
    }

    /// What is sealed beside an entry, or why there is nothing that could be opened.
    fn kept(
        &self,
        found: &Found,
        id: &AnswerId,
    ) -> Result<Result<Kept, NotReplayable>, AuditError> {
        if matches!(&found.entry, Entry::Made(made) if made.said.is_none()) {
            return Ok(Err(NotReplayable::Refused));
        }
        let inputs = self.shared.read()?.open_table(INPUTS).during(READING)?;
        let Some(row) = inputs.get(found.number).during(READING)? else {
            return Ok(Err(NotReplayable::KeptNoLonger));
        };
        let (subject, sealed) = row.value();
        if sealed.is_empty() {
            return Ok(Err(NotReplayable::Erased));
        }
        let subject = SubjectId::of_bytes(subject);
        match self.shared.shoppers.open_sealed(&subject, &context(id), sealed) {
            Ok(plain) => Ok(serde_json::from_slice(&plain).map_err(|_| NotReplayable::Changed)),
            // What somebody asked to be erased has an empty row; here the key's time was over, or there
            // was no more room for it.
            Err(ShoppersError::Erased) => Ok(Err(NotReplayable::KeptNoLonger)),
            Err(ShoppersError::Damaged { .. }) => Ok(Err(NotReplayable::Changed)),
            Err(error) => Err(error.into()),
        }
    }
}

fn opened(entry: &Entry, kept: Kept) -> Opened {
    let digests = kept.digests();
    let recorded = match entry {
        Entry::Made(made) => {
            made.said.as_ref().map(|said| (said.prompt_digest.clone(), said.text_digest.clone()))
        }
        Entry::Given(given) => Some((given.question_digest.clone(), given.text_digest.clone())),
        Entry::Erased { .. } | Entry::Lost { .. } => None,
    };
    let as_recorded = recorded == Some(digests);
    Opened { asked: kept.asked, text: kept.text, as_recorded }
}

fn value(found: &Found) -> Result<Value, AuditError> {
    let number = found.number;
    serde_json::to_value(&found.entry)
        .map_err(|error| AuditError::Damaged { number, why: error.to_string() })
}

impl Replayable {
    /// Whether a text is what was said then, byte for byte.
    pub fn is(&self, text: &str) -> bool {
        if self.whole { self.text == text } else { text.starts_with(&self.text) }
    }

    /// A digest of a text for showing, such as beside that of another.
    pub fn digest(text: &str) -> String {
        digest("", text.as_bytes())
    }
}

//! What associates corrected, kept as examples.

use redb::{ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};
use serde::{Deserialize, Serialize};

use super::error::{DeskError, During};
use super::handoff::Associate;
use super::privacy;
use super::room::{Desk, now_ms};
use super::rows::{self, ERASED, FEEDBACK};
use super::shoppers::{Conversation, Speaker, SubjectId, Turn};

const ACT: &str = "keeping an example";
/// Bytes of a better answer.
const MAX_BETTER: usize = 1_000;

/// A question, what the assistant answered, and what it should have. Personal data that has a pattern
/// was taken out of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answered: String,
    /// What is better.
    pub better: String,
    /// In which language, as BCP 47 has them.
    pub language: String,
    /// SKUs that the answer cited.
    pub cited: Vec<String>,
    /// Id of the corrector's token.
    pub by: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// An example that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number, from 1 on.
    pub number: u64,
    /// What it is.
    #[serde(flatten)]
    pub example: Example,
}

impl Desk {
    /// Keeps that a turn of the assistant's should have been another. Where as many are kept as may be,
    /// the oldest leaves.
    pub fn correct(
        &self,
        of: &Conversation,
        turn: u32,
        better: &str,
        by: &Associate,
    ) -> Result<Kept, DeskError> {
        let example = example(of, turn, better, by)?;
        let number = self.write(|transaction| {
            let mut table = transaction.open_table(FEEDBACK).during(ACT)?;
            let last = table.last().during(ACT)?.map_or(0, |(key, _)| key.value());
            let number = last + 1;
            let sealed = rows::seal(&self.0.shoppers, &of.subject, ("feedback", number), &example)?;
            table.insert(number, (of.subject.to_bytes(), &*sealed)).during(ACT)?;
            while table.len().during(ACT)? > self.0.config.max_feedback {
                table.pop_first().during(ACT)?;
            }
            Ok(number)
        })?;
        self.0.metrics.corrected();
        self.0.corrected.send_replace(number);
        Ok(Kept { number, example })
    }

    /// Examples behind this number, the oldest first, at most so many; those whose subject was erased are
    /// left out.
    pub fn examples(&self, after: u64, most: usize) -> Result<Vec<Kept>, DeskError> {
        let act = "reading examples";
        let transaction = self.0.database.begin_read().during(act)?;
        let table = transaction.open_table(FEEDBACK).during(act)?;
        let mut kept = Vec::new();
        for row in table.range(after.saturating_add(1)..).during(act)? {
            let (key, value) = row.during(act)?;
            let (number, (subject, sealed)) = (key.value(), value.value());
            let subject = SubjectId::of_bytes(subject);
            let example = rows::open(&self.0.shoppers, &subject, ("feedback", number), sealed)?;
            kept.extend(example.map(|example| Kept { number, example }));
            if kept.len() >= most {
                break;
            }
        }
        Ok(kept)
    }
}

impl Desk {
    /// Numbers of examples that were erased and of which [`Self::erasure_is_told`] was not said yet, at
    /// most so many.
    pub fn erased_examples(&self, most: usize) -> Result<Vec<u64>, DeskError> {
        let act = "reading what was erased";
        let transaction = self.0.database.begin_read().during(act)?;
        let table = transaction.open_table(ERASED).during(act)?;
        let rows = table.iter().during(act)?.take(most);
        rows.map(|row| Ok(row.during(act)?.0.value())).collect()
    }

    /// Whoever had these examples has erased them, too.
    pub fn erasure_is_told(&self, numbers: &[u64]) -> Result<(), DeskError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(ERASED).during(ACT)?;
            for number in numbers {
                table.remove(number).during(ACT)?;
            }
            Ok(())
        })
    }
}

fn example(
    of: &Conversation,
    turn: u32,
    better: &str,
    by: &Associate,
) -> Result<Example, DeskError> {
    let better = better.trim();
    if !(1..=MAX_BETTER).contains(&better.len()) {
        return Err(DeskError::Text { field: "text", most: MAX_BETTER });
    }
    let wrong = of.turns.iter().find(|said| said.number == turn);
    let wrong = wrong.filter(|said| said.speaker == Speaker::Assistant).ok_or(DeskError::NoTurn)?;
    let before = of.turns.iter().rev().filter(|said| said.number < turn);
    let asked = before.clone().find(|said| said.speaker == Speaker::Shopper);
    let asked = asked.ok_or(DeskError::NoTurn)?;
    Ok(Example {
        question: privacy::redact(&asked.text),
        answered: privacy::redact(&wrong.text),
        better: privacy::redact(better),
        language: wrong.language.clone(),
        cited: cited(wrong),
        by: by.id.clone(),
        at: now_ms() / 1000,
    })
}

/// SKUs of a turn's citations.
fn cited(turn: &Turn) -> Vec<String> {
    let citations = turn.details.as_ref().and_then(|details| details.get("citations"));
    let citations = citations.and_then(serde_json::Value::as_array).into_iter().flatten();
    let sku = |citation: &serde_json::Value| Some(citation.get("sku")?.as_str()?.to_owned());
    citations.filter_map(sku).collect()
}

//! What a conversation has in mind between its turns. It is kept sealed with the conversation.

use serde::{Deserialize, Serialize};

use super::tools::Call;

/// Products that are remembered of the last answer, and of all before.
pub(super) const MAX_SHOWN: usize = 8;
const MAX_TALKED: usize = 12;
/// Topics, and wishes, that are remembered.
const MAX_TOPICS: usize = 12;
const MAX_WISHES: usize = 8;

/// What a conversation is about. Names and prices are no part of it: they are facts, looked up anew.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// SKUs of the last answer that named any, in its order: what "the second one" counts.
    pub(super) shown: Vec<String>,
    /// SKUs of all answers, the last one last.
    pub(super) talked: Vec<String>,
    /// What was asked for last, by its name.
    pub(super) intent: Option<String>,
    /// What was asked, and about what, the last one last.
    pub(super) topics: Vec<Topic>,
    /// What the shopper told of themselves: what they do not eat, what it may cost.
    pub(super) wishes: Wishes,
    /// What we have asked and were not answered yet.
    pub(super) open: Option<Open>,
    /// Turns in a row that did not help.
    pub(super) failures: u32,
    /// Whether a person was called.
    pub(super) called: bool,
    /// How angry the last message sounded, as a probability.
    pub(super) anger: f32,
}

/// What was asked once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Topic {
    /// By its name.
    pub(super) intent: String,
    /// About these.
    pub(super) skus: Vec<String>,
}

/// What a shopper told of themselves in this conversation. With it goes what a profile says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wishes {
    /// Names of allergens that are not to be in it.
    pub(super) without: Vec<String>,
    /// Names of attributes that it is to have, as `vegan`.
    pub(super) must: Vec<String>,
}

/// A question of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Open {
    /// Which of what was shown is meant; the intent is for that one.
    Which,
    /// The number of the order that this is to be done with.
    Order(Call),
    /// Something that shows whose the order is: its name, and what is done then.
    Proof(Call),
}

impl Memory {
    /// Notes what an answer named, and what had been asked.
    pub(super) fn note(&mut self, intent: &str, skus: &[String]) {
        self.intent = Some(intent.to_owned());
        let skus: Vec<String> = skus.iter().take(MAX_SHOWN).cloned().collect();
        self.topics.push(Topic { intent: intent.to_owned(), skus: skus.clone() });
        keep_last(&mut self.topics, MAX_TOPICS);
        if skus.is_empty() {
            return;
        }
        self.talked.retain(|sku| !skus.contains(sku));
        self.talked.extend(skus.iter().cloned());
        keep_last(&mut self.talked, MAX_TALKED);
        self.shown = skus;
    }

    /// Notes something that was told of the shopper; whether it is new.
    pub(super) fn wish(&mut self, without: Vec<String>, must: Vec<String>) {
        let Wishes { without: kept, must: had } = &mut self.wishes;
        for (list, new) in [(kept, without), (had, must)] {
            let new: Vec<_> = new.into_iter().filter(|wish| !list.contains(wish)).collect();
            list.extend(new);
            keep_last(list, MAX_WISHES);
        }
    }
}

fn keep_last<T>(list: &mut Vec<T>, most: usize) {
    list.drain(..list.len().saturating_sub(most));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_last_of_everything_and_no_more() {
        let mut memory = Memory::default();
        for number in 0..50 {
            let skus: Vec<_> = (0..20).map(|of| format!("{number}-{of}")).collect();
            memory.note("price", &skus);
            memory.wish(vec![format!("w{number}")], vec!["vegan".to_owned()]);
        }
        assert_eq!(memory.shown.len(), MAX_SHOWN);
        assert_eq!(memory.talked.len(), MAX_TALKED);
        assert_eq!((memory.topics.len(), memory.wishes.without.len()), (MAX_TOPICS, MAX_WISHES));
        assert_eq!(memory.wishes.must, ["vegan"]);
        let bytes = serde_json::to_string(&memory).unwrap().len();
        assert!(bytes < 8 << 10, "{bytes}");
    }

    #[test]
    fn an_answer_that_names_nothing_leaves_what_was_shown() {
        let mut memory = Memory::default();
        memory.note("price", &["1".to_owned(), "2".to_owned()]);
        memory.note("hours", &[]);
        assert_eq!((memory.shown.len(), memory.intent.as_deref()), (2, Some("hours")));
    }
}

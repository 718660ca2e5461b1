//! Where the record of each answer is kept.

use super::reply::Prompted;
use super::turn::Passed;
use crate::shoppers::Conversation;
use crate::skills::answer::Answer;

/// Whoever keeps records of answers.
pub trait Auditor: Send + Sync {
    /// Keeps the record of an answer that is about to be told; the id of the record, where one is kept.
    fn answered(&self, conversation: &Conversation, record: Answered<'_>) -> Option<String>;
}

/// What there is to record of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// What was asked, without personal data.
    pub question: &'a str,
    /// What is answered.
    pub text: &'a str,
    /// Facts, model, checks, and what the cache did.
    pub answer: &'a Answer,
    /// What a model was given, where one wrote it.
    pub prompt: Option<&'a Prompted>,
    /// How it was found.
    pub route: &'a [Passed],
}

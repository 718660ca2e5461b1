//! What is heard of an answer while it is told. However it ends, there is a record of it: who leaves, or
//! whose time is over, has heard its beginning.

use std::sync::Arc;

use super::asking::{Asking, Prompted, prompted};
use crate::cache::Status;
use crate::skills::answer::{self, Answer, Kept};
use crate::skills::checks;
use crate::skills::concierge::reply::{Heard, SKILL};
use crate::skills::concierge::{Answered, Concierge};
use crate::skills::voice::Speaker;
use crate::skills::wanted::{Plan, template_digest};
use crate::skills::witness::{End, Making, Said};

/// What came of an attempt, so far.
#[derive(Default)]
pub(super) struct Spoken {
    /// With slots.
    pub(super) text: String,
    /// Without: as it was told.
    pub(super) told: String,
    pub(super) refused: Vec<checks::Refused>,
    /// What the model was asked, and all that was heard of it.
    pub(super) said: Option<Said>,
}

/// An attempt that is being told.
pub(super) struct Hearing<'a> {
    concierge: &'a Concierge,
    asking: &'a Asking,
    heard: &'a Heard<'a>,
    speaker: &'a Arc<dyn Speaker>,
    plan: &'a Plan,
    attempt: u64,
    pub(super) spoken: Spoken,
    is_over: bool,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(
        concierge: &'a Concierge,
        (asking, heard): (&'a Asking, &'a Heard<'a>),
        speaker: &'a Arc<dyn Speaker>,
        plan: &'a Plan,
        attempt: u64,
    ) -> Self {
        let (spoken, is_over) = (Spoken::default(), false);
        Self { concierge, asking, heard, speaker, plan, attempt, spoken, is_over }
    }

    /// It came to an end of which nothing was told.
    pub(super) fn is_over(&mut self) {
        self.is_over = true;
    }

    /// The model fell silent before its end.
    pub(super) fn failed(&mut self) {
        if let Some(said) = &mut self.spoken.said {
            said.end = End::Failed;
        }
    }

    /// All was told that may be: the answer, recorded. None where its facts changed meanwhile.
    pub(super) fn told(&mut self, refused: &[String]) -> Option<(Answer, Prompted)> {
        self.is_over = true;
        self.recorded(refused)
    }

    /// The answer with the text as it was told: a price may have changed while it was.
    fn recorded(&self, refused: &[String]) -> Option<(Answer, Prompted)> {
        let clerk = &self.concierge.clerk;
        let (plan, spoken, asking) = (self.plan, &self.spoken, self.asking);
        let prompt = prompted(&plan.order, self.attempt);
        let template = template_digest(&super::prompt::template(asking.house()));
        let made = clerk.witness.made(&Making {
            skill: SKILL,
            subject: asking.subject(),
            model: (self.speaker.name(), self.speaker.digest()),
            template_digest: &template,
            refused: &spoken.refused,
            read: &plan.record.read,
            said: spoken.said.as_ref(),
        });
        let kept = Kept {
            text: plan.order.whole(&spoken.text),
            cited: plan.cited.clone(),
            step: answer::Step::Model,
            seed: Some(prompt.sampling.seed),
            refused: refused.to_vec(),
            read: plan.record.read.clone(),
            made,
        };
        let by = (self.speaker, template);
        let about = (SKILL, asking.intent());
        let bound = clerk.bound(about, kept, by, asking.language(), Status::BYPASS)?;
        Some((Answer { text: spoken.told.clone(), ..bound }, prompt))
    }
}

impl Drop for Hearing<'_> {
    /// Somebody has heard a beginning, and nothing comes behind it.
    fn drop(&mut self) {
        if self.is_over || self.spoken.told.is_empty() {
            return;
        }
        let Some((answer, prompt)) = self.recorded(&[]) else { return };
        let auditor = self.concierge.auditor.as_ref();
        if let Some((auditor, conversation)) = auditor.zip(self.heard.conversation) {
            auditor.answered(
                conversation,
                Answered {
                    question: &crate::privacy::redact(self.heard.text),
                    text: &answer.text,
                    answer: &answer,
                    prompt: Some(&prompt),
                    route: &[],
                },
            );
        }
    }
}

//! What is generated, recorded in the audit.

use crate::audit::{self, AnswerId, Audit, FactRead, Giving, SeenBy};
use crate::http::Identity;
use crate::shoppers::{Conversation, SubjectId};
use crate::skills::answer::{Answer, Step};
use crate::skills::concierge::{Answered, Auditor};
use crate::skills::witness::{Making, Witness};

/// The audit, as skills see it.
pub(super) struct Records(pub(super) Audit);

/// An answer, for whom it is told.
pub(super) struct Told<'a> {
    pub(super) skill: &'a str,
    /// Without personal data.
    pub(super) question: &'a str,
    /// As it is told.
    pub(super) text: &'a str,
    pub(super) answer: &'a Answer,
    pub(super) subject: Option<SubjectId>,
    pub(super) seen_by: SeenBy,
}

impl Witness for Records {
    fn made(&self, making: &Making<'_>) -> Option<String> {
        let (model, model_digest) = making.model;
        let facts = making.read.iter();
        let said = making.said.and_then(|said| {
            Some(audit::Said {
                inputs: serde_json::to_string(&said.inputs).ok()?.into(),
                sampling: said.inputs.sampling(),
                text: said.text.clone(),
                end: said.end.name().to_owned(),
                whole: said.end.is_whole(),
            })
        });
        let made = self.0.made(audit::Making {
            skill: making.skill.to_owned(),
            subject: making.subject,
            model: model.to_owned(),
            model_digest: model_digest.to_owned(),
            template_digest: making.template_digest.to_owned(),
            refused: making.refused.iter().map(|why| why.name().to_owned()).collect(),
            facts: facts
                .map(|(name, at)| FactRead { name: name.to_string(), revision: at.0 })
                .collect(),
            said,
        });
        made.map(|id| id.to_string())
    }
}

impl Auditor for Records {
    fn answered(&self, conversation: &Conversation, record: Answered<'_>) -> Option<String> {
        let owner = &conversation.owner;
        let (device, class) = (Some(owner.device.clone()), Some(owner.class.clone()));
        given(
            &self.0,
            Told {
                skill: "concierge",
                question: record.question,
                text: record.text,
                answer: record.answer,
                subject: Some(conversation.subject),
                seen_by: SeenBy { device, class },
            },
        )
    }
}

/// Records that an answer is told in which a model had a part; the id of the record. What facts alone
/// say is not generated and has none.
pub(super) fn given(audit: &Audit, told: Told<'_>) -> Option<String> {
    let provenance = &told.answer.provenance;
    if provenance.step == Step::Template || provenance.model.is_none() {
        return None;
    }
    let fact = |fact: &crate::skills::answer::FactRead| FactRead {
        name: fact.name.clone(),
        revision: fact.revision,
    };
    let given = audit.given(Giving {
        skill: told.skill.to_owned(),
        intent: provenance.intent.to_owned(),
        step: provenance.step.name().to_owned(),
        made: provenance.made.as_deref().and_then(|id| id.parse::<AnswerId>().ok()),
        subject: told.subject,
        question: told.question.to_owned(),
        text: told.text.to_owned(),
        facts: told.answer.facts.iter().map(fact).collect(),
        cache: told.answer.status.to_string(),
        refused: provenance.refused.iter().map(|why| (*why).to_owned()).collect(),
        seen_by: told.seen_by,
    });
    given.map(|id| id.to_string())
}

/// The device that asks.
pub(super) fn seen_by(asker: Option<&Identity>) -> SeenBy {
    let class = |asker: &Identity| match &asker.device {
        Some(device) => device.class.clone(),
        None => asker.role.to_string(),
    };
    SeenBy { device: asker.map(|asker| asker.token_id.clone()), class: asker.map(class) }
}

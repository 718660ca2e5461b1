//! A model's answer within a conversation, told sentence by sentence as each passes the checks.

use std::sync::Arc;

use futures_util::StreamExt;

use super::asking::{Asking, Told, prompted};
use crate::cache::{Failure, Status};
use crate::skills::answer::{self, Answer, Kept};
use crate::skills::bind::bind;
use crate::skills::checks;
use crate::skills::concierge::Concierge;
use crate::skills::concierge::reply::SKILL;
use crate::skills::concierge::trail::Trail;
use crate::skills::making::{ATTEMPTS, ENDS, Order, sampling, tidy};
use crate::skills::view::View;
use crate::skills::voice::{Silence, Speaker, Utterance};
use crate::skills::wanted::template_digest;
use crate::skills::witness::{Inputs, Making, Said};

impl Concierge {
    /// Has the model speak; each sentence is told as soon as it may be. Where the first may not, it is
    /// made anew; where a later one may not, the answer ends before it.
    pub(super) async fn streamed(
        &self,
        asking: &Asking,
        speaker: &Arc<dyn Speaker>,
        trail: &Trail,
    ) -> Result<Told, Failure> {
        let clerk = &self.clerk;
        let blocked = asking.blocked(speaker);
        let plan = asking.plan(&clerk.facts, &clerk.search, &blocked);
        let mut refused = Vec::new();
        for attempt in 0..ATTEMPTS {
            let mut view = asking.view(&clerk.facts, &clerk.search);
            let spoken = match speak(&plan.order, attempt, speaker, &mut view, trail).await {
                Ok(spoken) => spoken,
                Err(Silence::Engine(error)) => return Err(Failure::Engine(error)),
                Err(Silence::Template(_)) => {
                    speaker.was_refused();
                    return Ok(Err(checks::Refused::Template.name().to_owned()));
                }
            };
            refused.extend(spoken.refused.iter().map(|why| why.name().to_owned()));
            if spoken.text.is_empty() {
                speaker.was_refused();
                continue;
            }
            let prompt = prompted(&plan.order, attempt);
            let template = template_digest(&super::prompt::template(asking.house()));
            let made = clerk.witness.made(&Making {
                skill: SKILL,
                subject: asking.subject(),
                model: (speaker.name(), speaker.digest()),
                template_digest: &template,
                refused: &spoken.refused,
                read: &plan.record.read,
                said: spoken.said.as_ref(),
            });
            let kept = Kept {
                text: plan.order.whole(&spoken.text),
                cited: plan.cited,
                step: answer::Step::Model,
                seed: Some(prompt.sampling.seed),
                refused: refused.clone(),
                read: plan.record.read.clone(),
                made,
            };
            let by = (speaker, template);
            let about = (SKILL, asking.intent());
            let bound = clerk.bound(about, kept, by, asking.language(), Status::BYPASS);
            let Some(answer) = bound else { return Ok(Err("facts_changed".to_owned())) };
            clerk.count(SKILL, &answer);
            return Ok(Ok((told_as(answer, spoken.told), prompt, true)));
        }
        refused.dedup();
        Ok(Err(refused.join(",")))
    }
}

/// The answer with the text as it was told: a price may have changed while it was.
fn told_as(answer: Answer, told: String) -> Answer {
    Answer { text: told, ..answer }
}

/// What came of an attempt.
#[derive(Default)]
struct Spoken {
    /// With slots.
    text: String,
    /// Without: as it was told.
    told: String,
    refused: Vec<checks::Refused>,
    /// What the model was asked, and all that was heard of it.
    said: Option<Said>,
}

async fn speak(
    order: &Order,
    attempt: u64,
    speaker: &Arc<dyn Speaker>,
    view: &mut View<'_>,
    trail: &Trail,
) -> Result<Spoken, Silence> {
    let utterance = Utterance {
        messages: order.messages.clone(),
        form: Some(order.form()),
        sampling: sampling(&order.sampling, attempt),
        max_tokens: order.max_tokens,
        scope: order.scope,
        deadline: order.deadline,
    };
    let said = Said { inputs: Inputs::of(&utterance), text: String::new(), whole: false };
    let mut speech = speaker.say(utterance).await?;
    let (mut heard, mut spoken) = (String::new(), Spoken::default());
    let said = spoken.said.insert(said);
    loop {
        let chunk = speech.next().await.transpose()?;
        let over = chunk.is_none();
        let more = chunk.map(|chunk| chunk.text).unwrap_or_default();
        said.text.push_str(&more);
        said.whole = over;
        push(&mut heard, &more);
        let whole = if over { tidy(&heard, true) } else { sentences(&heard).to_owned() };
        if whole.len() > spoken.text.len() {
            let faults = checks::check(&whole, &order.ground, order.language, &order.wording);
            if !faults.is_empty() {
                spoken.refused = faults;
                return Ok(spoken);
            }
            let more = whole.get(spoken.text.len()..).unwrap_or_default();
            // A slot for what is gone meanwhile ends the answer as well.
            let Ok(bound) = bind(more, view) else { return Ok(spoken) };
            if spoken.text.is_empty() && !order.before.is_empty() {
                trail.say(&format!("{} ", order.before)).await;
                spoken.told = format!("{} ", order.before);
            }
            trail.say(&bound).await;
            spoken.told.push_str(&bound);
            spoken.text = whole;
        }
        if over {
            return Ok(spoken);
        }
    }
}

/// Adds to a text; of spaces that stand together one is kept, as everywhere that texts are tidied.
fn push(text: &mut String, more: &str) {
    for c in more.chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if c != ' ' || !(text.is_empty() || text.ends_with(' ')) {
            text.push(c);
        }
    }
}

/// The whole sentences at the beginning of a text.
fn sentences(text: &str) -> &str {
    let mut ends = text.char_indices().rev().filter(|(at, c)| {
        let behind = text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
        ENDS.contains(c) && behind.is_some_and(char::is_whitespace)
    });
    ends.next().and_then(|(at, c)| text.get(..at + c.len_utf8())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_whole_when_something_stands_behind_it() {
        for (text, whole) in [
            ("It is sweet. And", "It is sweet."),
            ("It is sweet.", ""),
            ("It has 1.5 l", ""),
            ("A. B! C", "A. B!"),
            ("", ""),
        ] {
            assert_eq!(sentences(text), whole, "{text}");
        }
    }
}

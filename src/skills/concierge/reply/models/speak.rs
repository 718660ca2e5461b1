//! A model's answer within a conversation, told sentence by sentence as each passes the checks.

use std::sync::Arc;

use futures_util::StreamExt;

use super::asking::{Asking, Told};
use super::hearing::{Hearing, Spoken};
use crate::cache::Failure;
use crate::engine::FinishReason;
use crate::skills::bind::bind;
use crate::skills::checks;
use crate::skills::concierge::Concierge;
use crate::skills::concierge::reply::{Heard, SKILL};
use crate::skills::concierge::trail::Trail;
use crate::skills::making::{ATTEMPTS, ENDS, Order, sampling, tidy};
use crate::skills::view::View;
use crate::skills::voice::{Silence, Speaker, Utterance};
use crate::skills::witness::{End, Inputs, Said};

impl Concierge {
    /// Has the model speak; each sentence is told as soon as it may be. Where the first may not, it is
    /// made anew; where a later one may not, the answer ends before it.
    pub(super) async fn streamed(
        &self,
        asking: &Asking,
        speaker: &Arc<dyn Speaker>,
        heard: &Heard<'_>,
        trail: &Trail,
    ) -> Result<Told, Failure> {
        let clerk = &self.clerk;
        let blocked = asking.blocked(speaker);
        let plan = asking.plan(&clerk.facts, &clerk.search, &blocked);
        let mut refused = Vec::new();
        for attempt in 0..ATTEMPTS {
            let mut view = asking.view(&clerk.facts, &clerk.search);
            let mut hearing = Hearing::new(self, (asking, heard), speaker, &plan, attempt);
            let spoken = &mut hearing.spoken;
            match speak(&plan.order, attempt, speaker, &mut view, trail, spoken).await {
                Ok(()) => {}
                Err(Silence::Engine(error)) => {
                    hearing.failed();
                    return Err(Failure::Engine(error));
                }
                Err(Silence::Template(_)) => {
                    speaker.was_refused();
                    return Ok(Err(checks::Refused::Template.name().to_owned()));
                }
            }
            refused.extend(hearing.spoken.refused.iter().map(|why| why.name().to_owned()));
            if hearing.spoken.text.is_empty() {
                hearing.is_over();
                speaker.was_refused();
                continue;
            }
            let Some((answer, prompt)) = hearing.told(&refused) else {
                return Ok(Err("facts_changed".to_owned()));
            };
            clerk.count(SKILL, &answer);
            return Ok(Ok((answer, prompt, true)));
        }
        refused.dedup();
        Ok(Err(refused.join(",")))
    }
}

/// Has the model speak, and tells what passes; `spoken` has it as far as it came, at any moment.
async fn speak(
    order: &Order,
    attempt: u64,
    speaker: &Arc<dyn Speaker>,
    view: &mut View<'_>,
    trail: &Trail,
    spoken: &mut Spoken,
) -> Result<(), Silence> {
    let utterance = Utterance {
        messages: order.messages.clone(),
        form: Some(order.form()),
        sampling: sampling(&order.sampling, attempt),
        max_tokens: order.max_tokens,
        scope: order.scope,
        deadline: order.deadline,
    };
    let inputs = Inputs::of(&utterance);
    let mut speech = speaker.say(utterance).await?;
    let mut heard = String::new();
    let said = spoken.said.insert(Said { inputs, text: String::new(), end: End::Left });
    let mut end = End::Stop;
    loop {
        let chunk = speech.next().await.transpose()?;
        let over = chunk.is_none();
        if let Some((FinishReason::Length, _)) = chunk.as_ref().and_then(|it| it.finish.as_ref()) {
            end = End::Length;
        }
        let more = chunk.map(|chunk| chunk.text).unwrap_or_default();
        said.text.push_str(&more);
        if over {
            said.end = end;
        }
        push(&mut heard, &more);
        let whole = if over { tidy(&heard, true) } else { sentences(&heard).to_owned() };
        if whole.len() > spoken.text.len() {
            let faults = checks::check(&whole, &order.ground, order.language, &order.wording);
            if !faults.is_empty() {
                spoken.refused = faults;
                ended_early(said);
                return Ok(());
            }
            let more = whole.get(spoken.text.len()..).unwrap_or_default();
            // A slot for what is gone meanwhile ends the answer as well.
            let Ok(bound) = bind(more, view) else {
                ended_early(said);
                return Ok(());
            };
            if spoken.text.is_empty() && !order.before.is_empty() {
                trail.say(&format!("{} ", order.before)).await;
                spoken.told = format!("{} ", order.before);
            }
            trail.say(&bound).await;
            spoken.told.push_str(&bound);
            spoken.text = whole;
        }
        if over {
            return Ok(());
        }
    }
}

/// What was refused had come to its end, or had not.
fn ended_early(said: &mut Said) {
    if !said.end.is_whole() {
        said.end = End::Check;
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

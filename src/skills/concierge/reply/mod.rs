//! One turn: from what a shopper says to what is answered, by the cheapest step that can.
//!
//! Rules go before facts, facts before models, and each step leaves its reason in the route.

mod both;
mod facts;
mod models;
mod occasions;
mod orders;
mod rules;
mod sections;

pub use models::Prompted;

use std::time::Instant;

use super::Concierge;
use super::cards::{cards, citations};
use super::diet::Diet;
use super::memory::{Memory, Open};
use super::phrases::{self, Cue};
use super::refer::{Referred, refer};
use super::tools::chosen::chosen;
use super::tools::{Call, run::run};
use super::trail::Trail;
use super::turn::{Details, Handoff, Step, Verdict};
use super::wording::{self, Suggestion, suggest};
use crate::cache::{Failure, Scope};
use crate::facts::UnixSeconds;
use crate::privacy;
use crate::shoppers::Conversation;
use crate::skills::answer::{self, Answer};
use crate::skills::ask::{Draft, Intent, Outcome, Read};
use crate::skills::language::Language;
use crate::skills::making::ENDS;
use crate::skills::screen::Screened;
use crate::skills::view::View;
use crate::skills::words::words;

/// The skill's name in settings, keys and metrics.
pub(in crate::skills) const SKILL: &str = "concierge";
/// Answers in a row that did not help, after which a person is offered.
const PATIENCE: u32 = 2;
/// Suggestions of a turn.
const MAX_SUGGESTIONS: usize = 4;

/// What is said, and in which conversation.
pub(super) struct Heard<'a> {
    /// As it was typed.
    pub(super) text: &'a str,
    /// What of it may be kept.
    pub(super) screened: &'a Screened,
    /// The language that the client says it is in.
    pub(super) language: Option<Language>,
    /// The conversation's language so far.
    pub(super) spoken: Language,
    /// What a profile says of what is eaten.
    pub(super) diets: &'a [String],
    /// Allergens that a profile says are avoided.
    pub(super) avoided: &'a [String],
    /// The size of clothes that a profile has.
    pub(super) size: Option<&'a str>,
    /// What a profile says is liked.
    pub(super) style: Option<&'a str>,
    /// What was said before, the last one last, with who said it.
    pub(super) history: &'a [(Who, String)],
    /// By which a repeated call of an order system has no second effect.
    pub(super) key: String,
    /// Who may be given what is not of this conversation.
    pub(super) scope: Scope,
    /// For whom a person is called; without it none can be.
    pub(super) conversation: Option<&'a Conversation>,
    /// It is answered by then.
    pub(super) deadline: Instant,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Who asks.
    Shopper,
    /// The assistant, or an associate.
    Shop,
}

/// What is answered.
pub(super) struct Reply {
    pub(super) text: String,
    /// Of the answer; one that is not spoken here where that is what is said.
    pub(super) code: String,
    pub(super) language: Language,
    pub(super) details: Details,
    /// What was made of facts or by a model, where it was.
    pub(super) answer: Option<Answer>,
    /// What was kept of a model's prompt, for the record.
    pub(super) prompt: Option<models::Prompted>,
    /// Whether the message must not be kept.
    pub(super) forget: bool,
}

/// What a step has to say.
pub(super) struct Said {
    draft: Draft,
    intent: &'static str,
    step: answer::Step,
    open: Option<Open>,
    /// The person that was called.
    call: Option<Handoff>,
    suggestions: Vec<Suggestion>,
    /// Names of what was offered to choose from.
    choices: Vec<String>,
    /// Whether it helped.
    helped: bool,
}

impl Said {
    /// Sentences that stand on no facts.
    fn lines(intent: &'static str, sentences: Vec<String>) -> Self {
        let draft = Draft { sentences, outcome: Outcome::Answered, ..Draft::default() };
        Self::of(intent, draft)
    }

    fn of(intent: &'static str, draft: Draft) -> Self {
        let helped = draft.outcome == Outcome::Answered;
        Self {
            draft,
            intent,
            step: answer::Step::Template,
            open: None,
            call: None,
            suggestions: Vec::new(),
            choices: Vec::new(),
            helped,
        }
    }
}

impl Concierge {
    /// Answers a message. `memory` is changed to what the conversation then has in mind.
    pub(super) async fn reply(
        &self,
        heard: Heard<'_>,
        memory: &mut Memory,
        trail: &mut Trail,
    ) -> Result<Reply, Failure> {
        if has_card_number(heard.text) {
            return Ok(self.card_number(&heard, trail).await);
        }
        let read = told_by_cue(Read::said(heard.text, heard.language, heard.spoken), &heard);
        if let Some(reply) = self.not_spoken(&heard, &read, trail).await {
            return Ok(reply);
        }
        self.clerk.catch_up().await;
        let now = UnixSeconds::now();
        let clerk = std::sync::Arc::clone(&self.clerk);
        let mut view = View::open(&clerk.facts, &clerk.search, read.language, now);
        if let Some(said) = self.by_rule(&heard, &read, memory, trail).await {
            return Ok(self.finish(&heard, said, read.language, memory, view, trail).await);
        }
        if let Some(answer) = clerk.corrected(heard.screened.text(), read.language).await {
            return Ok(self.put_right(answer, read.language, memory, trail).await);
        }
        let Referred { mut read, by } = refer(read, memory, &mut view);
        if let Some(by) = by {
            trail.pass(Step::Rule, Verdict::Passed, by).await;
        }
        let diet = Diet {
            size: heard.size.map(str::to_owned),
            style: words(heard.style.unwrap_or_default())
                .into_iter()
                .map(|word| word.folded)
                .collect(),
            ..Diet::of(&memory.wishes, heard.diets, heard.avoided)
        };
        let call = chosen(&read, memory, &mut view);
        let goes = phrases::of(read.language).has(Cue::Goes, &read.words);
        let mut idea = goes || wants_ideas(&read);
        if let Some(call) = call {
            let goes = matches!(call, Call::Complements { .. });
            let said = self.by_tool(call, &heard, &diet, memory, &mut view, trail).await;
            // What no list of pairs knows, a model may.
            if said.helped || !goes {
                return Ok(self.finish(&heard, said, read.language, memory, view, trail).await);
            }
            idea = true;
        }
        let said = match idea {
            true => self.by_occasion(&read, &diet, &mut view, trail).await,
            false => self.by_facts(&heard, &mut read, &diet, memory, &mut view, trail).await,
        };
        if let Some(said) = said {
            return Ok(self.finish(&heard, said, read.language, memory, view, trail).await);
        }
        self.by_model(&heard, read, (&diet, idea), memory, view, trail).await
    }

    /// Tells what a person put right.
    async fn put_right(
        &self,
        answer: Answer,
        language: Language,
        memory: &mut Memory,
        trail: &mut Trail,
    ) -> Reply {
        trail.pass(Step::Facts, Verdict::Answered, "corrected").await;
        memory.failures = 0;
        memory.note(answer.provenance.intent, &answer.citations);
        for piece in pieces(&answer.text) {
            trail.say(piece).await;
        }
        let clerk = &self.clerk;
        let mut view = View::open(&clerk.facts, &clerk.search, language, UnixSeconds::now());
        let products = cards(&answer.citations, &mut view);
        self.told(answer, language, products, Vec::new(), None, trail)
    }

    /// Uses a tool that a rule chose.
    async fn by_tool(
        &self,
        call: Call,
        heard: &Heard<'_>,
        diet: &Diet,
        memory: &Memory,
        view: &mut View<'_>,
        trail: &mut Trail,
    ) -> Said {
        if call.order().is_some() {
            return self.by_orders(call, None, heard, view.language, trail).await;
        }
        if let Call::CallAssociate { .. } = &call {
            let said = self.person("wants_person", heard, memory, view.language, trail).await;
            trail.used(&call, if said.call.is_some() { "called" } else { "not_called" }).await;
            return said;
        }
        trail.begin(Step::Search, call.name()).await;
        let draft = run(&call, diet, view).unwrap_or_default();
        let found = draft.outcome == Outcome::Answered;
        trail.used(&call, found_or_not(&draft)).await;
        let verdict = if found { Verdict::Answered } else { Verdict::Partly };
        trail.end(Step::Search, verdict, call.name());
        let suggestions = match found {
            true => vec![Suggestion::Where, Suggestion::Allergens],
            false => vec![Suggestion::Offers, Suggestion::Person],
        };
        Said { suggestions, ..Said::of("alternatives", draft) }
    }

    /// Binds what is said to the facts of now, notes it, and tells it sentence by sentence.
    async fn finish(
        &self,
        heard: &Heard<'_>,
        mut said: Said,
        language: Language,
        memory: &mut Memory,
        mut view: View<'_>,
        trail: &mut Trail,
    ) -> Reply {
        self.tire(heard, &mut said, memory, language, trail).await;
        let Said { draft, intent, step, open, call, suggestions, choices, .. } = said;
        let Draft { sentences, cited, .. } = draft;
        memory.note(intent, &cited);
        memory.open = open;
        let products = cards(&cited, &mut view);
        let mut answer =
            self.clerk.of_facts(SKILL, intent, (sentences.join(" "), cited), step, view);
        answer.provenance.template_digest = wording::digest(language);
        for piece in pieces(&answer.text) {
            trail.say(piece).await;
        }
        let mut shown: Vec<String> = choices;
        shown.extend(suggestions.iter().map(|one| suggest(language, *one).to_owned()));
        shown.truncate(MAX_SUGGESTIONS);
        self.told(answer, language, products, shown, call, trail)
    }

    /// A reply of an answer.
    fn told(
        &self,
        answer: Answer,
        language: Language,
        products: Vec<super::turn::Card>,
        suggestions: Vec<String>,
        call: Option<Handoff>,
        trail: &mut Trail,
    ) -> Reply {
        let clerk = &self.clerk;
        let mut view = View::open(&clerk.facts, &clerk.search, language, UnixSeconds::now());
        let stale = answer.freshness.iter().filter(|of| of.is_old());
        let details = Details {
            citations: citations(&answer.citations, &answer.facts, &mut view),
            products,
            suggestions,
            route: std::mem::take(&mut trail.route),
            tools: std::mem::take(&mut trail.tools),
            disclosure: answer.disclosure.to_owned(),
            generated: answer.provenance.step == answer::Step::Model,
            stale: stale.map(|of| of.table.to_string()).collect(),
            answer_id: None,
            handoff: call,
        };
        Reply {
            text: answer.text.clone(),
            code: language.code().to_owned(),
            language,
            details,
            answer: Some(answer),
            prompt: None,
            forget: false,
        }
    }

    /// Counts answers that did not help; after some of them a person is called.
    async fn tire(
        &self,
        heard: &Heard<'_>,
        said: &mut Said,
        memory: &mut Memory,
        language: Language,
        trail: &mut Trail,
    ) {
        if said.helped {
            memory.failures = 0;
            return;
        }
        memory.failures = memory.failures.saturating_add(1);
        if memory.failures < PATIENCE || said.call.is_some() || memory.called {
            return;
        }
        memory.failures = 0;
        let person = self.person("repeated_failure", heard, memory, language, trail).await;
        said.draft.sentences.extend(person.draft.sentences);
        said.call = person.call;
    }
}

/// Whether products for something are wanted, and nothing that facts have of a certain one.
fn wants_ideas(read: &Read) -> bool {
    let open =
        matches!(read.intent(), Intent::Open | Intent::Stock | Intent::About | Intent::Location);
    open && phrases::of(read.language).has(Cue::Idea, &read.words)
}

/// The message in the language whose phrase it is, where no word of it tells the language: "Hallo".
fn told_by_cue(read: Read, heard: &Heard<'_>) -> Read {
    let has_cue = |language: Language| phrases::of(language).cue(&read.words).is_some();
    let told = heard.language.is_some() || Language::of(&read.text).is_some();
    if told || read.intent() != Intent::Open || has_cue(read.language) {
        return read;
    }
    let other = Language::ALL.into_iter().find(|language| has_cue(*language));
    other.map_or_else(|| read.clone(), |other| Read::said(heard.text, Some(other), other))
}

/// What a tool found: a word for programs.
fn found_or_not(draft: &Draft) -> &'static str {
    if draft.outcome == Outcome::Answered { "found" } else { "nothing_found" }
}

/// Whether a text has the number of a payment card.
pub(super) fn has_card_number(text: &str) -> bool {
    privacy::has_card(text)
}

/// A text as it is told: sentence by sentence, with the space behind each. A point within an amount
/// ends nothing.
fn pieces(text: &str) -> Vec<&str> {
    let ends = text.char_indices().filter(|(at, c)| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        *c == ' ' && before.is_some_and(|before| ENDS.contains(&before))
    });
    let mut from = 0;
    let mut pieces: Vec<&str> = Vec::new();
    for to in ends.map(|(at, _)| at + 1).chain([text.len()]) {
        pieces.extend(text.get(from..to).filter(|piece| !piece.is_empty()));
        from = to;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_in_sentences() {
        let text = "It costs $2.79. Good! Ask";
        assert_eq!(pieces(text), ["It costs $2.79. ", "Good! ", "Ask"]);
        assert!(pieces("").is_empty());
    }
}

//! A model's text, made, checked, made anew once, and replaced where it does not pass.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use tokio::sync::watch;

use super::answer::Step;
use super::chat::Message;
use super::checks::{self, Ground, Refused, Wording};
use super::language::Language;
use super::voice::{Silence, Speaker, Utterance};
use super::witness::{End, Inputs, Said};
use crate::engine::{FinishReason, Form, Sampling, Scope, Usage};

/// How often a model may try.
pub(super) const ATTEMPTS: u64 = 2;
/// Signs with which a text may end.
pub(super) const ENDS: [char; 4] = ['.', '!', '?', '…'];

/// What is to be made.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) messages: Vec<Message>,
    /// What the text may say.
    pub(super) ground: Ground,
    pub(super) wording: Wording,
    pub(super) language: Language,
    /// How the first attempt is drawn.
    pub(super) sampling: Sampling,
    pub(super) max_tokens: usize,
    pub(super) scope: Scope,
    pub(super) deadline: Instant,
    /// What is said before the text, whatever it is: that a product is recalled.
    pub(super) before: String,
    /// What is said where nothing passes.
    pub(super) fallback: String,
    /// What comes of it.
    pub(super) kind: Kind,
}

/// What is made.
#[derive(Debug, Clone, Default)]
pub(super) enum Kind {
    /// A text that is told: checked against its ground.
    #[default]
    Text,
    /// Something in a form, that others make something of; what of it is told they check.
    Formed(Form),
}

impl Order {
    /// The form that the model keeps to.
    pub(super) fn form(&self) -> Form {
        match &self.kind {
            Kind::Text => form(&self.ground),
            Kind::Formed(form) => form.clone(),
        }
    }

    /// What a model said as it is kept, and what is wrong with it.
    fn judge(&self, said: &str, cut: bool) -> (String, Vec<Refused>) {
        match self.kind {
            Kind::Formed(_) if cut => (String::new(), vec![Refused::Length]),
            Kind::Formed(_) => (said.trim().to_owned(), Vec::new()),
            Kind::Text => {
                let text = tidy(said, cut);
                let faults = checks::check(&text, &self.ground, self.language, &self.wording);
                (text, faults)
            }
        }
    }

    /// A text with what is said before it.
    pub(super) fn whole(&self, text: &str) -> String {
        if self.before.is_empty() { text.to_owned() } else { format!("{} {text}", self.before) }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Made {
    pub(super) text: String,
    pub(super) step: Step,
    pub(super) seed: Option<u64>,
    pub(super) refused: Vec<Refused>,
    /// What all attempts took.
    pub(super) usage: Usage,
    /// What the model was asked and what it said, where that was taken.
    pub(super) said: Option<Said>,
}

impl Made {
    /// What is said where the model says nothing.
    pub(super) fn without(silence: &Silence, order: &Order) -> Self {
        let refused = match silence {
            Silence::Template(_) => vec![Refused::Template],
            Silence::Engine(_) => Vec::new(),
        };
        Self { refused, ..Self::fallback(order) }
    }

    /// What is said where no text of a model is.
    fn fallback(order: &Order) -> Self {
        let usage = Usage { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 };
        let text = order.whole(&order.fallback);
        Self { text, step: Step::Fallback, seed: None, refused: Vec::new(), usage, said: None }
    }
}

/// How far the work is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Which attempt, from 1; 0 before the first.
    pub attempt: u64,
    /// Tokens of this attempt so far.
    pub tokens: u64,
}

/// Asks the model until a text passes the checks, at most twice.
pub(super) async fn make(
    order: &Order,
    speaker: &Arc<dyn Speaker>,
    progress: &watch::Sender<Progress>,
) -> Result<Made, Silence> {
    let mut refused = Vec::new();
    let mut usage = Usage { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 };
    for attempt in 0..ATTEMPTS {
        let sampling = sampling(&order.sampling, attempt);
        let seed = sampling.seed;
        let told = |tokens| Progress { attempt: attempt + 1, tokens };
        progress.send_replace(told(0));
        let utterance = Utterance {
            messages: order.messages.clone(),
            form: Some(order.form()),
            sampling,
            max_tokens: order.max_tokens,
            scope: order.scope,
            deadline: order.deadline,
        };
        let inputs = Inputs::of(&utterance);
        let mut speech = speaker.say(utterance).await?;
        let (mut text, mut cut, mut tokens) = (String::new(), false, 0);
        while let Some(chunk) = speech.next().await {
            let chunk = chunk?;
            text.push_str(&chunk.text);
            if let Some((reason, took)) = chunk.finish {
                cut = reason == FinishReason::Length;
                usage.prompt_tokens += took.prompt_tokens;
                usage.completion_tokens += took.completion_tokens;
                usage.cached_tokens += took.cached_tokens;
            }
            tokens += 1;
            progress.send_replace(told(tokens));
        }
        let end = if cut { End::Length } else { End::Stop };
        let said = Said { inputs, text, end };
        let (text, faults) = order.judge(&said.text, cut);
        if faults.is_empty() {
            let text = order.whole(&text);
            let (step, seed, said) = (Step::Model, Some(seed), Some(said));
            return Ok(Made { text, step, seed, refused, usage, said });
        }
        speaker.was_refused();
        refused.extend(faults);
    }
    refused.sort_unstable();
    refused.dedup();
    Ok(Made { refused, usage, ..Made::fallback(order) })
}

/// The first attempt is as it was asked for; the next has another seed, and chance.
pub(super) fn sampling(first: &Sampling, attempt: u64) -> Sampling {
    if attempt == 0 {
        return first.clone();
    }
    let seed = first.seed.wrapping_add(attempt);
    Sampling { temperature: first.temperature.max(0.7), top_p: 0.9, seed, ..first.clone() }
}

/// The form of a text that has no number and no sign of money but those of its ground: what a model
/// cannot write need not be refused.
pub(super) fn form(ground: &Ground) -> Form {
    let literal = |text: &str| {
        let escape = |c: char| match c {
            c if c.is_alphanumeric() || c == ' ' || c == ':' || c == '_' || c == '~' => {
                c.to_string()
            }
            c => format!("\\{c}"),
        };
        text.chars().map(escape).collect::<String>()
    };
    let mut parts = vec![r"[^0-9{}$€£¥₹¢%\n\r\t<>|#*\[\]`]".to_owned()];
    parts.extend(ground.slots().chain(ground.numbers()).map(literal));
    Form::Regex(format!(r"[^\s0-9{{}}$€£¥₹¢%<>|#*\[\]`]({})+", parts.join("|")))
}

/// A text without spaces around it and quotes about it; one that was cut off ends with its last
/// whole sentence.
pub(super) fn tidy(text: &str, cut: bool) -> String {
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ");
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let text = quoted.filter(|text| !text.contains('"')).unwrap_or(&text);
    if !cut && text.ends_with(ENDS) {
        return text.to_owned();
    }
    // A point within a number ends nothing.
    let end = text.char_indices().rev().find(|(at, c)| {
        let behind = text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
        ENDS.contains(c) && behind.is_none_or(char::is_whitespace)
    });
    match end {
        Some((at, c)) => text.get(..at + c.len_utf8()).unwrap_or_default().to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::skills::double::Double;

    fn order() -> Order {
        let mut ground = Ground::default();
        ground.text("Honey Granola 500 g");
        ground.slot("{price:41}".to_owned());
        Order {
            messages: Vec::new(),
            ground,
            wording: Wording {
                max_chars: 200,
                min_words: 3,
                blocked: Vec::new(),
                question: String::new(),
            },
            language: Language::English,
            sampling: Sampling { seed: 7, ..Sampling::default() },
            max_tokens: 50,
            scope: Scope::Public,
            deadline: Instant::now() + Duration::from_secs(60),
            before: String::new(),
            fallback: "Ask a colleague.".to_owned(),
            kind: Kind::Text,
        }
    }

    async fn made(texts: &[&'static str]) -> (Made, Vec<Sampling>) {
        let (texts, drawn) = (Mutex::new(texts.to_vec()), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&drawn);
        let parrot = Double::saying(move |utterance| {
            noted.lock().unwrap().push(utterance.sampling);
            Ok(texts.lock().unwrap().remove(0).to_owned())
        });
        let speaker: Arc<dyn Speaker> = Arc::new(Double { weights: 0, ..parrot });
        let made = make(&order(), &speaker, &watch::Sender::default()).await.unwrap();
        let drawn = drawn.lock().unwrap().clone();
        (made, drawn)
    }

    #[tokio::test]
    async fn a_text_that_passes_is_taken_at_once() {
        let (made, drawn) = made(&["The granola costs {price:41}."]).await;
        assert_eq!((made.text.as_str(), made.step), ("The granola costs {price:41}.", Step::Model));
        assert_eq!((made.seed, made.refused.len(), drawn.len()), (Some(7), 0, 1));
    }

    #[tokio::test]
    async fn one_that_does_not_is_made_anew_with_another_seed_and_then_replaced() {
        let (once, drawn) = made(&["It costs 3 dollars.", "The granola is crunchy."]).await;
        assert_eq!((once.text.as_str(), once.seed), ("The granola is crunchy.", Some(8)));
        assert_eq!(once.refused, [Refused::Money, Refused::Quantity]);
        assert!(drawn[0].temperature == 0.0 && drawn[1].temperature > 0.0);
        let (twice, drawn) = made(&["It costs 3 dollars.", "It is gluten-free for you."]).await;
        assert_eq!((twice.text.as_str(), twice.step), ("Ask a colleague.", Step::Fallback));
        assert_eq!((twice.seed, drawn.len()), (None, 2));
        assert_eq!(twice.refused, [Refused::Money, Refused::Quantity, Refused::Allergen]);
    }

    #[test]
    fn a_text_ends_with_a_whole_sentence() {
        for (text, cut, tidied) in [
            ("  One. Two.\n", false, "One. Two."),
            ("\"Quoted.\"", false, "Quoted."),
            ("\"A\" and \"B\".", false, "\"A\" and \"B\"."),
            ("One. Two is cut", true, "One."),
            ("One. Two has no end", false, "One."),
            ("It has 1.5 l and more", true, "It has 1.5 l and more"),
            ("no end", false, "no end"),
            ("", false, ""),
        ] {
            assert_eq!(tidy(text, cut), tidied, "{text}");
        }
    }

    #[test]
    fn the_form_has_the_numbers_and_slots_of_the_ground_alone() {
        let Form::Regex(pattern) = form(&order().ground) else { panic!("a pattern") };
        assert!(pattern.contains(r"|\{price:41\}|500)+"), "{pattern}");
    }
}

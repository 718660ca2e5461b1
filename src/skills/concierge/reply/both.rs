//! Two questions in one message: "where is the milk and how much is it?"

use super::{Heard, Said};
use crate::skills::ask::{Intent, Outcome, Read};
use crate::skills::concierge::Concierge;
use crate::skills::concierge::diet::Diet;
use crate::skills::concierge::memory::Memory;
use crate::skills::concierge::refer::refer;
use crate::skills::concierge::trail::Trail;
use crate::skills::view::View;

/// Words between two questions.
const AND: [&str; 5] = ["and", "und", "y", "e", "et"];

impl Concierge {
    /// The answers of facts to both questions of a message; none where it has only one, or facts do
    /// not answer the first.
    pub(super) async fn both(
        &self,
        heard: &Heard<'_>,
        read: &Read,
        diet: &Diet,
        memory: &Memory,
        view: &mut View<'_>,
        trail: &mut Trail,
    ) -> Option<Said> {
        let (first, then) = parts(read)?;
        let mut first = refer(first, memory, view).read;
        let mut said = self.of_facts(heard, &mut first, diet, view, trail).await?;
        if said.draft.outcome != Outcome::Answered {
            trail.route.clear();
            trail.tools.clear();
            return None;
        }
        let mut known = memory.clone();
        known.note(said.intent, &said.draft.cited);
        let mut then = refer(then, &known, view).read;
        if let Some(other) = self.of_facts(heard, &mut then, diet, view, trail).await {
            let Said { draft, open, suggestions, choices, helped, .. } = other;
            said.draft.append(draft);
            said = Said { open, suggestions, choices, helped, ..said };
        }
        Some(said)
    }
}

/// The two questions of a message that ask for different things, each by its own words.
fn parts(read: &Read) -> Option<(Read, Read)> {
    let text = read.text.as_str();
    let of_word = read.words.iter().filter(|word| AND.contains(&word.folded.as_str()));
    let mut ends: Vec<(usize, usize)> =
        of_word.map(|word| (word.range.start, word.range.end)).collect();
    let ended = text.match_indices(['?', '!', '.']).map(|(at, sign)| (at, at + sign.len()));
    ends.extend(ended);
    ends.sort_unstable();
    ends.into_iter().find_map(|(end, begin)| {
        let part = |text: &str| Read::said(text, Some(read.language), read.language);
        let (first, then) = (part(text.get(..end)?), part(text.get(begin..)?));
        let asks = |part: &Read| !matches!(part.intent(), Intent::Open | Intent::About);
        (asks(&first) && asks(&then) && first.intent() != then.intent()).then_some((first, then))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skills::language::Language;

    #[test]
    fn a_message_is_parted_where_each_part_asks() {
        for (text, parted) in [
            ("Where is the milk and how much is it?", Some("how much is it?")),
            ("How much is the salt and vinegar dip and is it vegan?", Some("is it vegan?")),
            ("Do you have oats? Where are they?", Some("Where are they?")),
            ("Does it contain milk and eggs?", None),
            ("How much are the mac and cheese dinners?", None),
            ("Wo ist die Milch und was kostet sie?", Some("was kostet sie?")),
        ] {
            let read = Read::said(text, None, Language::English);
            let then = parts(&read).map(|(_, then)| then.text);
            assert_eq!(then.as_deref(), parted, "{text}");
        }
    }
}

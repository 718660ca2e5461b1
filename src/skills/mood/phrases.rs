//! Phrases by language: what they say of a text.

use std::sync::LazyLock;

use super::{MAX_WORDS, Trigger};
use crate::skills::language::Language;
use crate::skills::pattern;
use crate::skills::words::words;

/// Phrases of a kind are counted up to here: more of them say no more.
const MOST: usize = 3;

/// What phrases say of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Heard {
    /// Phrases of people who have lost their patience, [`MOST`] at most.
    pub strong: usize,
    /// Phrases of people who are annoyed, [`MOST`] at most.
    pub mild: usize,
    /// The gravest of what else was said.
    pub trigger: Option<Trigger>,
}

impl Heard {
    /// Whether phrases alone are enough to call it anger: one of those who have lost their patience,
    /// or as many of annoyance as are counted.
    pub(super) fn has_lost_patience(&self) -> bool {
        self.strong > 0 || self.mild >= MOST
    }

    /// Both together.
    pub(super) fn with(self, other: Self) -> Self {
        let gravest = [self.trigger, other.trigger].into_iter().flatten().min();
        Self {
            strong: self.strong.max(other.strong),
            mild: self.mild.max(other.mild),
            trigger: gravest,
        }
    }
}

/// What a language's phrases say of a text.
pub(super) fn hear(text: &str, language: Language) -> Heard {
    let phrases = Phrases::of(language);
    let words: Vec<String> =
        words(text).into_iter().map(|word| word.folded).take(MAX_WORDS).collect();
    let mut left: Vec<&str> = words.iter().map(String::as_str).collect();
    phrases.harmless.iter().for_each(|pattern| leave_out(pattern, &mut left));
    let count = |patterns: &[&str]| {
        patterns.iter().filter(|pattern| pattern::find(pattern, &left).is_some()).take(MOST).count()
    };
    let said = |(_, patterns): &&(Trigger, Vec<&str>)| count(patterns) > 0;
    Heard {
        strong: count(&phrases.anger),
        mild: count(&phrases.annoyed),
        trigger: phrases.grave.iter().find(said).map(|(trigger, _)| *trigger),
    }
}

/// Blanks the words that a pattern names, so that no other phrase has them.
fn leave_out(pattern: &str, words: &mut [&str]) {
    for _ in 0..MOST {
        let Some(named) = pattern::find(pattern, words) else { return };
        for at in named {
            if let Some(word) = words.get_mut(at) {
                *word = "";
            }
        }
    }
}

/// The phrases of one language.
#[derive(Default)]
struct Phrases {
    harmless: Vec<&'static str>,
    anger: Vec<&'static str>,
    annoyed: Vec<&'static str>,
    /// The gravest first.
    grave: Vec<(Trigger, Vec<&'static str>)>,
}

impl Phrases {
    fn of(language: Language) -> &'static Self {
        static ALL: LazyLock<[Phrases; 4]> =
            LazyLock::new(|| Language::ALL.map(|language| Phrases::read(text(language))));
        let [english, german, spanish, french] = &*ALL;
        language.pick([english, german, spanish, french])
    }

    fn read(text: &'static str) -> Self {
        let section = |name| lines(text, name).collect();
        let grave = [
            (Trigger::Medical, section("medical")),
            (Trigger::AllergyRisk, section("allergy")),
            (Trigger::Legal, section("legal")),
            (Trigger::WantsPerson, section("person")),
        ];
        Self {
            harmless: section("harmless"),
            anger: section("anger"),
            annoyed: section("annoyed"),
            grave: grave.into(),
        }
    }
}

/// The patterns below `[name]`.
fn lines(text: &'static str, name: &'static str) -> impl Iterator<Item = &'static str> {
    let mut at = "";
    text.lines().filter(move |line| {
        if let Some(heading) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            at = heading;
            return false;
        }
        at == name && !line.is_empty() && !line.starts_with('#')
    })
}

fn text(language: Language) -> &'static str {
    language.pick([
        include_str!("phrases/en.txt"),
        include_str!("phrases/de.txt"),
        include_str!("phrases/es.txt"),
        include_str!("phrases/fr.txt"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skills::words::fold;

    const SECTIONS: [&str; 7] =
        ["harmless", "anger", "annoyed", "legal", "medical", "allergy", "person"];

    #[test]
    fn every_line_of_the_files_is_read_and_written_as_words_are_compared() {
        for language in Language::ALL {
            let text = text(language);
            let patterns = SECTIONS.map(|name| lines(text, name).count());
            assert!(patterns.iter().all(|&count| count > 5), "{language:?}: {patterns:?}");
            let whole = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            assert_eq!(whole.count(), patterns.iter().sum::<usize>() + SECTIONS.len());
            for part in
                SECTIONS.iter().flat_map(|name| lines(text, name)).flat_map(str::split_whitespace)
            {
                for word in part.split('/').filter(|word| !["_", "^", "$", "?"].contains(word)) {
                    assert_eq!(fold(word), word.trim_matches('*'), "{language:?}: {part}");
                }
            }
        }
    }
}

//! What words mean to the guards, per language; the words stand in `vocabulary/*.txt`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use super::language::Language;
use super::signature::Digest;

/// What a question that has a concept is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Section {
    Price,
    Allergen,
    Stock,
    /// Whether there is something: stock, unless it is a service that is asked for.
    Existence,
    Account,
    Hours,
    Location,
    Service,
    Usage,
    Product,
    /// What a thing is like; belongs to the word beside it.
    Quality,
    Comparison,
    /// Gives a comparison its direction.
    Mark,
    /// Gives it one where it stands between two names.
    WeakMark,
    /// A day: has an order where there are several.
    Day,
    /// Says nothing about the subject.
    Matter,
}

/// What a phrase does in a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Carries nothing.
    Stop,
    /// Turns what follows.
    Not,
    /// Turns what stands before it.
    NotAfter,
    /// Joins what may change places.
    Pair,
    /// Has a meaning that must be in both questions.
    Concept(Digest, Section),
    /// Has the meaning of two concepts.
    Concepts(Digest, Digest, Section),
    /// A substance that many do not bear.
    AllergenNoun,
}

/// The phrases of one language.
pub(super) struct Vocabulary {
    language: Language,
    /// Words that carry nothing, as they are written.
    stop: HashSet<&'static str>,
    /// Phrases as stems, by their first; longest first.
    phrases: HashMap<&'static str, Vec<(Vec<&'static str>, Role)>>,
}

impl Vocabulary {
    /// That of a language.
    pub(super) fn of(language: Language) -> &'static Self {
        static ALL: LazyLock<[Vocabulary; 4]> = LazyLock::new(|| {
            Language::ALL.map(|language| Vocabulary::read(language, text(language)))
        });
        let [english, german, spanish, french] = &*ALL;
        match language {
            Language::English => english,
            Language::German => german,
            Language::Spanish => spanish,
            Language::French => french,
        }
    }

    fn read(language: Language, text: &'static str) -> Self {
        let mut vocabulary = Self { language, stop: HashSet::new(), phrases: HashMap::new() };
        let mut section = "";
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(name) => section = name,
                None => vocabulary.take(section, line),
            }
        }
        for phrases in vocabulary.phrases.values_mut() {
            phrases.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        }
        vocabulary
    }

    fn take(&mut self, section: &str, line: &'static str) {
        let role = match section {
            "stop" => return self.stop.extend(line.split_whitespace()),
            "not" => Role::Not,
            "not-after" => Role::NotAfter,
            "pair" => Role::Pair,
            "stop-phrases" => {
                let (_, phrases) = line.split_once(':').unwrap_or_default();
                return phrases.split(',').for_each(|phrase| self.add(phrase, Role::Stop));
            }
            "allergen-noun" => {
                let (_, nouns) = line.split_once(':').unwrap_or_default();
                return nouns.split(',').for_each(|noun| self.add(noun, Role::AllergenNoun));
            }
            _ => {
                let (Some((name, phrases)), Some(section)) = (line.split_once(':'), named(section))
                else {
                    return;
                };
                let role = match name.split_once('+') {
                    Some((one, two)) => Role::Concepts(Digest::of(one), Digest::of(two), section),
                    None => Role::Concept(Digest::of(name), section),
                };
                return phrases.split(',').for_each(|phrase| self.add(phrase, role));
            }
        };
        line.split_whitespace().for_each(|word| self.add(word, role));
    }

    fn add(&mut self, phrase: &'static str, role: Role) {
        let words: Vec<&str> = phrase
            .split([' ', '\''])
            .filter(|word| !word.is_empty())
            .map(|word| self.language.stem(word))
            .collect();
        let Some(first) = words.first() else { return };
        let known = self.phrases.entry(first).or_default();
        // The first line that has a phrase gives its meaning.
        if known.iter().all(|(other, _)| *other != words) {
            known.push((words, role));
        }
    }

    /// How many of some words belong to a phrase that is known.
    pub(super) fn known(&self, mut words: &[&str]) -> usize {
        let mut known = 0;
        while !words.is_empty() {
            let taken = self.role(words).map_or(0, |(_, taken)| taken);
            known += taken;
            words = words.get(taken.max(1)..).unwrap_or_default();
        }
        known
    }

    /// The role of the longest phrase at the start of some words, and its length in words.
    pub(super) fn role(&self, words: &[&str]) -> Option<(Role, usize)> {
        let first = words.first()?;
        let phrases = self.phrases.get(self.language.stem(first));
        let found = phrases.into_iter().flatten().find(|(phrase, _)| {
            phrase.len() <= words.len()
                && phrase.iter().zip(words).all(|(stem, word)| *stem == self.language.stem(word))
        });
        match found {
            Some((phrase, role)) if phrase.len() > 1 => Some((*role, phrase.len())),
            // "can" is not a tin, though "cans" are.
            _ if self.stop.contains(first) => Some((Role::Stop, 1)),
            found => found.map(|(phrase, role)| (*role, phrase.len())),
        }
    }
}

/// Reads together what concepts say together; see `vocabulary/rules.txt`.
pub(super) fn settle(concepts: &mut BTreeMap<Digest, Section>) {
    for (those, this) in RULES.iter() {
        if those.iter().all(|concept| concepts.contains_key(concept)) {
            those.iter().for_each(|concept| {
                concepts.remove(concept);
            });
            concepts.extend(this.iter().copied());
        }
    }
}

/// What is read, and as what.
type Rule = (Vec<Digest>, Vec<(Digest, Section)>);

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let roles = Language::ALL.into_iter().flat_map(|language| &Vocabulary::of(language).phrases);
    let mut sections = HashMap::new();
    for (_, role) in roles.flat_map(|(_, phrases)| phrases) {
        if let Role::Concept(concept, section) = role {
            sections.insert(*concept, *section);
        }
    }
    let lines = include_str!("vocabulary/rules.txt").lines();
    let rules =
        lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once("->"));
    let all = |names: &str| names.split_whitespace().map(Digest::of).collect::<Vec<_>>();
    let known = |concept| sections.get(&concept).map(|section| (concept, *section));
    rules
        .map(|(those, this)| (all(those), all(this).into_iter().filter_map(known).collect()))
        .collect()
});

fn text(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("vocabulary/en.txt"),
        Language::German => include_str!("vocabulary/de.txt"),
        Language::Spanish => include_str!("vocabulary/es.txt"),
        Language::French => include_str!("vocabulary/fr.txt"),
    }
}

fn named(section: &str) -> Option<Section> {
    Some(match section {
        "price" => Section::Price,
        "allergen" => Section::Allergen,
        "stock" => Section::Stock,
        "existence" => Section::Existence,
        "account" => Section::Account,
        "hours" => Section::Hours,
        "location" => Section::Location,
        "service" => Section::Service,
        "usage" => Section::Usage,
        "product" => Section::Product,
        "quality" => Section::Quality,
        "comparison" => Section::Comparison,
        "mark" => Section::Mark,
        "weak-mark" => Section::WeakMark,
        "day" => Section::Day,
        "matter" => Section::Matter,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_every_vocabulary_is_understood() {
        for language in Language::ALL {
            let mut section = "";
            for line in text(language).lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
                if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                    section = name;
                    continue;
                }
                let plain = ["stop", "stop-phrases", "allergen-noun", "not", "not-after", "pair"]
                    .contains(&section);
                assert!(plain || named(section).is_some(), "{language:?}: [{section}]");
                assert!(plain || line.contains(": "), "{language:?}: {line}");
                assert!(line.is_ascii() || line.contains(['€', '£']), "{language:?}: {line}");
            }
        }
    }

    #[test]
    fn every_concept_has_one_section_in_all_languages() {
        let mut sections = HashMap::new();
        for language in Language::ALL {
            for (phrase, role) in Vocabulary::of(language).phrases.values().flatten() {
                if let Role::Concept(name, section) = role {
                    let first = sections.entry(*name).or_insert(*section);
                    assert_eq!(first, section, "{language:?}: {phrase:?}");
                }
            }
        }
    }

    #[test]
    fn the_longest_phrase_wins() {
        let vocabulary = Vocabulary::of(Language::English);
        let role = |text: &str| vocabulary.role(&text.split(' ').collect::<Vec<_>>());
        assert_eq!(role("opening hours today").map(|(_, words)| words), Some(2));
        assert_eq!(role("the"), Some((Role::Stop, 1)));
        assert_eq!(role("tomatoes"), None);
        assert_eq!(role("gluten"), role("gluten"));
    }
}

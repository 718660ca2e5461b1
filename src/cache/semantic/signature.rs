//! What of a question must be equal in another for both to mean the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::category::Category;
use super::language::Language;
use super::order::{Element, order};
use super::quantity::{Quantity, quantity};
use super::vocabulary::{Role, Section, Vocabulary, settle};
use super::words::{Token, tokens};

/// Words that a phrase of a vocabulary has at most.
const MAX_PHRASE: usize = 8;

/// A word or a sequence of words, as a number: nothing of a customer's words is kept.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub(super) struct Digest(pub(super) u64);

impl Digest {
    const START: u64 = 0xcbf2_9ce4_8422_2325;

    /// Of a text; FNV-1a, so that kept ones stay what they are.
    pub(super) fn of(text: &str) -> Self {
        Self::of_bytes(text.bytes())
    }

    fn of_bytes(bytes: impl Iterator<Item = u8>) -> Self {
        let step = |state: u64, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        Self(bytes.fold(Self::START, step))
    }

    /// Of several digests or numbers, in order.
    pub(super) fn of_all(parts: impl IntoIterator<Item = u64>) -> Self {
        Self::of_bytes(parts.into_iter().flat_map(u64::to_le_bytes))
    }
}

/// A question as the guards compare it: digests of what must be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signature {
    language: Option<Language>,
    category: Option<Category>,
    numbers: Digest,
    codes: Digest,
    negated: Digest,
    concepts: Digest,
    words: Digest,
    order: Digest,
}

/// In what two questions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Disagreement {
    /// One is in another language, or in none that is read.
    #[error("the languages differ or are not read")]
    Language,
    /// Numbers, units or sizes, or the order of them.
    #[error("numbers, units or sizes differ")]
    Number,
    /// SKUs or other codes.
    #[error("codes differ")]
    Code,
    /// What is negated.
    #[error("what is negated differs")]
    Negation,
    /// Products, brands or any other words that no vocabulary knows.
    #[error("products or other words differ")]
    Word,
    /// The same names in another order: who is compared with whom.
    #[error("the order of what is compared differs")]
    Order,
    /// A word that has a meaning of its own: a day, a direction, a purpose.
    #[error("what is asked about differs")]
    Meaning,
}

impl Signature {
    /// What the question is about; `None` where its language is not read.
    pub(super) fn category(&self) -> Option<Category> {
        self.category
    }

    /// The language, where it could be told.
    pub(super) fn language(&self) -> Option<Language> {
        self.language
    }

    /// Equal in two questions that agree: what an index looks for first.
    pub(super) fn key(&self) -> u64 {
        let parts = [self.numbers, self.codes, self.negated, self.concepts, self.words, self.order];
        let language = self.language.map_or(0, |language| 1 + language as u64);
        Digest::of_all(parts.into_iter().map(|part| part.0).chain([language])).0
    }
}

/// Whether two questions may have the same answer.
///
/// # Errors
/// The first thing in which they differ.
pub(super) fn agree(a: &Signature, b: &Signature) -> Result<(), Disagreement> {
    let same = |equal: bool, otherwise| if equal { Ok(()) } else { Err(otherwise) };
    same(a.language == b.language && a.category.is_some(), Disagreement::Language)?;
    same(a.numbers == b.numbers, Disagreement::Number)?;
    same(a.codes == b.codes, Disagreement::Code)?;
    same(a.words == b.words, Disagreement::Word)?;
    same(a.negated == b.negated, Disagreement::Negation)?;
    same(a.order == b.order, Disagreement::Order)?;
    same(a.concepts == b.concepts && a.category == b.category, Disagreement::Meaning)
}

/// Reads a question. One that is too long to be read has no category and agrees with none.
pub(super) fn signature(question: &str) -> Signature {
    let tokens = tokens(question).unwrap_or_default();
    let language = told(&tokens);
    let mut reading = Reading::default();
    let vocabulary = Vocabulary::of(language.unwrap_or(Language::English));
    let mut rest = tokens.as_slice();
    while !rest.is_empty() {
        let taken = reading.take(rest, vocabulary, language.unwrap_or(Language::English));
        rest = rest.get(taken.max(1)..).unwrap_or_default();
    }
    reading.finish(language)
}

/// The language that knows most of the words, if it knows enough of them.
fn told(tokens: &[Token]) -> Option<Language> {
    let mut words = Vec::new();
    let mut rest = tokens;
    while let Some(token) = rest.first() {
        let amount = quantity(rest).map(|(_, taken)| taken);
        match token {
            Token::Word(word) if amount.is_none() => words.push(word.as_str()),
            _ => {}
        }
        rest = rest.get(amount.unwrap_or(1)..).unwrap_or_default();
    }
    let (language, known) = Language::ALL
        .map(|language| (language, Vocabulary::of(language).known(&words)))
        .into_iter()
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    // Text of a language that is not read has a known word only by chance.
    (known > 0 && known * 5 >= words.len() * 2).then_some(language)
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    numbers: Vec<Quantity>,
    codes: Vec<Digest>,
    concepts: BTreeMap<Digest, Section>,
    /// Whether there is something was asked.
    existence: bool,
    /// A substance was named that many do not bear.
    allergen_noun: bool,
    negated: BTreeSet<Digest>,
    elements: Vec<Element>,
    /// Concepts behind the mark that gives the question a direction; none where it has no mark.
    behind: Option<BTreeSet<Digest>>,
    /// What no vocabulary knows: products, brands, purposes.
    words: Vec<Digest>,
    /// A negation waits for what it turns.
    negating: bool,
    /// What was read last, where it can be turned from behind.
    last: Option<Digest>,
}

impl Reading {
    /// Reads what stands at the start of some tokens; returns how many it took.
    fn take(&mut self, tokens: &[Token], vocabulary: &Vocabulary, language: Language) -> usize {
        if let Some((quantity, taken)) = quantity(tokens) {
            self.numbers.push(quantity);
            let parts = [quantity.value as u64, quantity.unit as u64];
            self.elements.push(Element::Quality(Digest::of_all(parts)));
            self.last = None;
            return taken;
        }
        let words: Vec<&str> = tokens
            .iter()
            .take(MAX_PHRASE)
            .map_while(|token| match token {
                Token::Word(word) => Some(word.as_str()),
                _ => None,
            })
            .collect();
        let Some(word) = words.first() else {
            if let Some(Token::Code(code)) = tokens.first() {
                self.codes.push(Digest::of(code));
            }
            return 1;
        };
        let stem = Digest::of(language.stem(word));
        let Some((role, taken)) = vocabulary.role(&words) else {
            self.word(stem);
            return 1;
        };
        match role {
            Role::Stop => self.elements.push(Element::Gap),
            Role::Not => self.negating = true,
            Role::NotAfter => match self.last.take() {
                Some(last) => {
                    self.negated.insert(last);
                }
                None => self.word(stem),
            },
            Role::Pair => self.elements.push(Element::Pair),
            Role::Concept(concept, section) => self.concept(concept, section),
            Role::Concepts(one, two, section) => {
                self.concept(one, section);
                self.concept(two, section);
            }
            Role::AllergenNoun => {
                self.allergen_noun = true;
                self.word(stem);
            }
        }
        taken
    }

    fn word(&mut self, stem: Digest) {
        self.elements.push(Element::Name(stem));
        self.words.push(stem);
        self.content(stem);
    }

    fn concept(&mut self, concept: Digest, section: Section) {
        match section {
            // Asks whether there is something, which is soft where it is a service.
            Section::Existence => return self.existence = true,
            Section::Mark => {
                self.elements.push(Element::Mark(concept));
                self.behind = Some(BTreeSet::new());
            }
            Section::Day => self.elements.push(Element::Day(concept)),
            // Beside names it is part of their order only.
            Section::WeakMark => return self.elements.push(Element::WeakMark(concept)),
            Section::Quality => self.elements.push(Element::Quality(concept)),
            _ => {}
        }
        if section != Section::Quality && section != Section::Mark {
            self.elements.push(Element::Gap);
        }
        // "sliced", "roasted": of a name, too, where several are compared.
        if matches!(section, Section::Service | Section::Usage) {
            self.elements.push(Element::Quality(concept));
        }
        if let (Some(behind), true) = (&mut self.behind, section != Section::Mark) {
            behind.insert(concept);
        }
        self.concepts.insert(concept, section);
        self.content(concept);
    }

    fn content(&mut self, what: Digest) {
        self.last = Some(what);
        if std::mem::take(&mut self.negating) {
            self.elements.push(Element::Quality(Digest::of("not")));
            self.negated.insert(what);
        }
    }

    /// What sets A apart from B sets B apart from A.
    fn join_what_differs(&mut self) {
        if !self.concepts.contains_key(&Digest::of("difference")) {
            return;
        }
        for element in &mut self.elements {
            if let Element::Mark(mark) | Element::WeakMark(mark) = element {
                self.concepts.remove(mark);
                *element = Element::Pair;
            }
        }
    }

    fn finish(mut self, language: Option<Language>) -> Signature {
        if self.negating {
            self.negated.insert(Digest::default());
        }
        settle(&mut self.concepts);
        self.join_what_differs();
        let mut sections: Vec<Section> = self.concepts.values().copied().collect();
        sections.extend(self.existence.then_some(Section::Existence));
        // "without milk", "no eggs": what is asked is whether somebody can eat it.
        sections
            .extend((self.allergen_noun && !self.negated.is_empty()).then_some(Section::Allergen));
        self.words.sort_unstable();
        let category = language.map(|_| Category::of(&sections));
        let behind = self.behind.iter().flatten().map(|concept| concept.0);
        let order = Digest::of_all(std::iter::once(order(&self.elements).0).chain(behind));
        let numbers = self.numbers.iter().flat_map(|n| [n.value as u64, n.unit as u64]);
        Signature {
            language,
            category,
            numbers: Digest::of_all(numbers),
            codes: Digest::of_all(self.codes.iter().map(|code| code.0)),
            negated: Digest::of_all(self.negated.iter().map(|word| word.0)),
            concepts: Digest::of_all(self.concepts.keys().map(|concept| concept.0)),
            words: Digest::of_all(self.words.iter().map(|word| word.0)),
            order,
        }
    }
}

//! Answers from facts alone, by what is asked for.

mod about;
mod amount;
mod compare;
mod hours;
mod meant;
mod offers;
mod outcome;
mod prices;
mod recalls;
mod safety;
mod stock;
mod when;

pub(in crate::skills) use outcome::Outcome;

use super::intent::{Intent, Understood};
use super::resolve::{self, Resolved};
use crate::facts::{Product, Seen};
use crate::skills::figures;
use crate::skills::view::View;
use crate::skills::wording::Say;
use crate::skills::words::Word;

/// Products that an answer names at most.
const MAX_NAMED: usize = 4;

/// A question, taken apart.
pub(super) struct Question<'a> {
    /// As it was asked, without personal data.
    pub(super) text: &'a str,
    pub(super) words: &'a [Word],
    pub(super) understood: &'a Understood,
    /// SKUs of the products that are meant, where a conversation tells; the words need not.
    pub(super) meant: &'a [String],
}

impl Question<'_> {
    /// The products that a conversation tells are meant, of those that are still there.
    pub(super) fn meant(&self, view: &mut View<'_>) -> Option<Resolved> {
        let products = self.meant.iter().filter_map(|sku| view.reader.product(sku));
        let products: Vec<_> = products.collect();
        match products.as_slice() {
            [] => None,
            [only] => Some(Resolved::One(only.clone())),
            several => Some(Resolved::Several(several.to_vec(), several.len())),
        }
    }

    /// The words that may name a product: those of the sentence that asks, or else all.
    pub(super) fn names(&self) -> Vec<String> {
        let Understood { asking, language, .. } = self.understood;
        let elsewhere = (0..self.words.len()).filter(|at| !self.is_asked_with(*at));
        let idle: Vec<_> = asking.iter().copied().chain(elsewhere).collect();
        let names = resolve::naming(self.words, &idle, *language);
        if names.is_empty() { resolve::naming(self.words, asking, *language) } else { names }
    }

    /// Whether a word stands in the sentence whose words ask, if any do.
    fn is_asked_with(&self, at: usize) -> bool {
        let Some(asks) = self.understood.asking.first().copied() else { return true };
        let places = at.min(asks)..at.max(asks);
        let between = self.words.get(places.start..=places.end).unwrap_or_default();
        !between.windows(2).any(|pair| matches!(pair, [one, next] if self.ends(one, next)))
    }

    /// Whether a sentence ends between two words; short ones with a point are abbreviations.
    fn ends(&self, one: &Word, next: &Word) -> bool {
        let between = self.text.get(one.range.end..next.range.start).unwrap_or_default();
        between.contains(['?', '!', '¿', '\n'])
            || between.contains(". ") && (one.range.len() > 3 || between.contains('>'))
    }

    /// Whether one of these folded words stands in the question; `*` stands for any ending.
    pub(super) fn has(&self, list: &str) -> bool {
        let is = |word: &Word, known: &str| match known.strip_suffix('*') {
            Some(beginning) => word.folded.starts_with(beginning),
            None => word.folded == known,
        };
        list.split_ascii_whitespace().any(|known| self.words.iter().any(|word| is(word, known)))
    }
}

/// An answer with slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::skills) struct Draft {
    pub(in crate::skills) sentences: Vec<String>,
    /// SKUs of the products that it is about.
    pub(in crate::skills) cited: Vec<String>,
    /// What came of the question.
    pub(in crate::skills) outcome: Outcome,
}

impl Draft {
    pub(in crate::skills) fn say(&mut self, view: &View<'_>, say: Say<'_>) {
        self.outcome = self.outcome.and(Outcome::of(&say));
        self.sentences.push(view.say(say));
    }

    /// Says what stands in the facts as a sentence.
    pub(in crate::skills) fn tell(&mut self, sentence: String) {
        self.outcome = self.outcome.and(Outcome::Answered);
        self.sentences.push(sentence);
    }

    pub(in crate::skills) fn cite(&mut self, product: &Seen<Product>) {
        let sku = sku(product);
        if !self.cited.iter().any(|cited| cited == sku) {
            self.cited.push(sku.to_owned());
        }
    }

    /// Says and cites what another one does, after its own.
    pub(in crate::skills) fn append(&mut self, other: Self) {
        self.outcome = self.outcome.and(other.outcome);
        self.sentences.extend(other.sentences);
        let new = other.cited.into_iter().filter(|sku| !self.cited.contains(sku));
        let new: Vec<_> = new.collect();
        self.cited.extend(new);
    }

    /// A draft of one sentence about no product.
    fn of(view: &View<'_>, say: Say<'_>) -> Self {
        let mut draft = Self::default();
        draft.say(view, say);
        draft
    }
}

/// A product's SKU.
pub(in crate::skills) fn sku(product: &Seen<Product>) -> &str {
    product.id().id.as_str()
}

/// The answer that facts alone give; none where no rule fits.
pub(super) fn compose(question: &Question<'_>, view: &mut View<'_>) -> Option<Draft> {
    let draft = match question.understood.intent {
        Intent::Hours => hours::answer(question, view),
        Intent::Promotions => offers::answer(question, view),
        Intent::Compare => compare::answer(question, view),
        Intent::Price => about_products(question, view, prices::each),
        Intent::Stock => match hours::service(question, view) {
            Some(draft) => draft,
            None => about_products(question, view, stock::each),
        },
        Intent::Location => about_products(question, view, stock::places),
        Intent::Recall => recalls::answer(question, view),
        Intent::Allergens => safety::allergens(question, view),
        Intent::Attribute(aspect) => about_products(question, view, |question, products, view| {
            about::aspect(question, aspect, products, view)
        }),
        Intent::About => return about::known(question, view),
        Intent::Open => return None,
    };
    Some(warned(draft, view))
}

/// What is said of a product that is recalled comes first.
pub(in crate::skills) fn warned(mut draft: Draft, view: &mut View<'_>) -> Draft {
    let mut warnings = Vec::new();
    for sku in &draft.cited {
        let Some(product) = view.reader.product(sku) else { continue };
        for recall in view.reader.recalls_of(sku) {
            let warning = recalls::warning(&view.label(&product), &recall, view);
            if !draft.sentences.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    draft.sentences.splice(0..0, warnings);
    draft
}

/// Finds the products that a question names, and has `each` tell of them.
fn about_products(
    question: &Question<'_>,
    view: &mut View<'_>,
    each: impl Fn(&Question<'_>, &[Seen<Product>], &mut View<'_>) -> Draft,
) -> Draft {
    let names = question.names();
    match found(question, &names, view) {
        Resolved::One(product) => each(question, &[product], view),
        Resolved::Several(products, count) => {
            let named = products.get(..MAX_NAMED.min(products.len())).unwrap_or_default();
            let mut draft = each(question, named, view);
            if count > named.len() {
                draft.say(view, Say::More { count: count - named.len() });
            }
            draft
        }
        other => not_found(&other, &names, view),
    }
}

/// The product by its SKU, or by the words that are left.
fn found(question: &Question<'_>, names: &[String], view: &mut View<'_>) -> Resolved {
    let meant = question.meant(view);
    let by_sku = |view: &mut View<'_>| resolve::by_sku(question.text, &mut view.reader);
    meant
        .or_else(|| by_sku(view).map(Resolved::One))
        .unwrap_or_else(|| resolve::resolve(names, view))
}

/// What is said where no product was found for certain.
fn not_found(resolved: &Resolved, names: &[String], view: &View<'_>) -> Draft {
    match resolved {
        Resolved::Near(products) => {
            let list = products.iter().map(|product| view.label(product)).collect();
            let list = figures::any(list, view.language);
            let mut draft = Draft::of(view, Say::DidYouMean { list: &list });
            products.iter().for_each(|product| draft.cite(product));
            draft
        }
        Resolved::Unnamed => Draft::of(view, Say::WhichProduct),
        _ => Draft::of(view, Say::NotFound { what: &resolve::asked_for(names) }),
    }
}

/// Asks which of several products is meant.
fn which(products: &[Seen<Product>], view: &View<'_>) -> Draft {
    let named = products.iter().take(MAX_NAMED);
    let list = named.map(|product| view.label(product)).collect();
    let list = figures::any(list, view.language);
    let mut draft = Draft::of(view, Say::Which { list: &list });
    products.iter().take(MAX_NAMED).for_each(|product| draft.cite(product));
    draft
}

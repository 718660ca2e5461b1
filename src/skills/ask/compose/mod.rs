//! Answers from facts alone, by what is asked for.

mod about;
mod amount;
mod compare;
mod hours;
mod offers;
mod prices;
mod safety;
mod stock;

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
}

impl Question<'_> {
    /// The words that may name a product.
    pub(super) fn names(&self) -> Vec<String> {
        resolve::naming(self.words, &self.understood.asking, self.understood.language)
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
pub(super) struct Draft {
    pub(super) sentences: Vec<String>,
    /// SKUs of the products that it is about.
    pub(super) cited: Vec<String>,
}

impl Draft {
    fn say(&mut self, view: &View<'_>, say: Say<'_>) {
        self.sentences.push(view.say(say));
    }

    fn cite(&mut self, product: &Seen<Product>) {
        let sku = sku(product);
        if !self.cited.iter().any(|cited| cited == sku) {
            self.cited.push(sku.to_owned());
        }
    }

    /// Says and cites what another one does, after its own.
    fn append(&mut self, other: Self) {
        self.sentences.extend(other.sentences);
        let new = other.cited.into_iter().filter(|sku| !self.cited.contains(sku));
        let new: Vec<_> = new.collect();
        self.cited.extend(new);
    }

    /// A draft of one sentence about no product.
    fn of(view: &View<'_>, say: Say<'_>) -> Self {
        Self { sentences: vec![view.say(say)], cited: Vec::new() }
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
        Intent::Recall if names_nothing(question) => safety::all_recalls(view),
        Intent::Recall => about_products(question, view, safety::recalls),
        Intent::Allergens => safety::allergens(question, view),
        Intent::Attribute(aspect) => about_products(question, view, |question, products, view| {
            about::aspect(question, aspect, products, view)
        }),
        Intent::About => return about::known(question, view),
        Intent::Open => return None,
    };
    Some(warned(draft, view))
}

/// Whether a question is about no product in particular.
fn names_nothing(question: &Question<'_>) -> bool {
    question.names().is_empty() && !question.text.contains(|c: char| c.is_ascii_digit())
}

/// What is said of a product that is recalled comes first.
pub(super) fn warned(mut draft: Draft, view: &mut View<'_>) -> Draft {
    let mut warnings = Vec::new();
    for sku in &draft.cited {
        let Some(product) = view.reader.product(sku) else { continue };
        for recall in view.reader.recalls_of(sku) {
            let warning = safety::warning(&product, &recall, view);
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
    match resolve::by_sku(question.text, &mut view.reader) {
        Some(product) => Resolved::One(product),
        None => resolve::resolve(names, view),
    }
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

//! Which products a question is about.

mod fit;

use self::fit::Wanted;
pub(in crate::skills) use self::fit::same;
use super::phrases;
use crate::facts::search::{Hit, MAX_HITS, MAX_QUERY_BYTES, other_names};
use crate::facts::{Product, Reader, Seen};
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::words::{Word, fold, words};

/// Candidates that are looked at first.
const CANDIDATES: usize = 50;
/// The share of words, in percent, from which on a product may be what was meant.
const NEAR_PERCENT: usize = 50;
/// The cosine from which on a product may be what words mean that it does not have.
const ALIKE: f32 = 0.55;
/// Products that are offered where none is meant for certain.
const MAX_NEAR: usize = 3;

/// The products that words may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolved {
    /// No word is left that could name a product.
    Unnamed,
    /// Nothing fits.
    Nothing,
    /// This one.
    One(Seen<Product>),
    /// These fit equally; the best first, and how many there are.
    Several(Vec<Seen<Product>>, usize),
    /// These fit in part.
    Near(Vec<Seen<Product>>),
}

/// The words of a question that may name a product: not those that ask, nor those that every
/// sentence has.
pub(super) fn naming(words: &[Word], asking: &[usize], language: Language) -> Vec<String> {
    let idle = |word: &str| is_idle(word, language);
    let kept = words.iter().enumerate().filter(|(at, word)| {
        !asking.contains(at) && !idle(&word.folded) && (word.folded.len() > 1 || word.is_number())
    });
    kept.map(|(_, word)| word.folded.clone()).collect()
}

/// Whether a word stands in every sentence, or says nothing about which product is meant.
fn is_idle(word: &str, language: Language) -> bool {
    let noise = phrases::noise(language).split_ascii_whitespace();
    language.function_words().chain(noise).any(|known| known == word)
}

/// The product whose SKU stands in a question.
pub(in crate::skills) fn by_sku(question: &str, reader: &mut Reader) -> Option<Seen<Product>> {
    let sku = |part: &str| part.len() >= 3 && part.bytes().any(|byte| byte.is_ascii_digit());
    parts(question).filter(|part| sku(part)).take(8).find_map(|part| reader.product(part))
}

/// Whether this SKU, of a product or not, stands in a question.
pub(super) fn has_sku(question: &str, sku: &str) -> bool {
    sku.len() >= 3 && parts(question).any(|part| part == sku)
}

fn parts(question: &str) -> impl Iterator<Item = &str> {
    let parts = question.split(|c: char| c.is_whitespace() || "?!,;:()\"".contains(c));
    parts.map(|part| part.trim_matches(['.', '-', '\'']))
}

/// The products that these words name. Where no product has them all, the view is told that they
/// were missed, and what is known of their meaning counts.
pub(super) fn resolve(names: &[String], view: &mut View<'_>) -> Resolved {
    if names.is_empty() {
        return Resolved::Unnamed;
    }
    let query = query(names);
    let mut hits = view.find(&query, CANDIDATES);
    let mut resolved = full(names, &hits);
    // Of many the cheapest, the one on offer or the number would be told of some.
    if hits.len() == CANDIDATES && matches!(resolved, Some(Resolved::Several(..))) {
        hits = view.find(&query, MAX_HITS);
        resolved = full(names, &hits);
    }
    resolved.unwrap_or_else(|| {
        view.missed.push(query);
        near(names, &hits)
    })
}

/// All products that have these words, whatever else they are.
pub(super) fn all_with(names: &[String], view: &mut View<'_>) -> Vec<Seen<Product>> {
    let hits = view.find(&query(names), MAX_HITS);
    having_all(&Wanted::new(names), &hits).map(|hit| hit.product.clone()).collect()
}

/// The products that have all of the words, or all of another name for them.
fn full(names: &[String], hits: &[Hit]) -> Option<Resolved> {
    // A search looks for the other names as well, so what goes by them is among the hits.
    whole(names, hits).or_else(|| whole(&by_other_names(names)?, hits))
}

fn having_all<'a>(wanted: &Wanted<'_>, hits: &'a [Hit]) -> impl Iterator<Item = &'a Hit> {
    hits.iter().filter(|hit| wanted.percent(&hit.product) == 100)
}

/// The products that have all of the words; none where no product has.
fn whole(names: &[String], hits: &[Hit]) -> Option<Resolved> {
    let wanted = Wanted::new(names);
    let full: Vec<_> = having_all(&wanted, hits).collect();
    // Coffee goes before coffee creamer.
    let heads: Vec<_> = full.iter().filter(|hit| wanted.say_what(&hit.product)).copied().collect();
    let full = if heads.is_empty() { full } else { heads };
    // Who says all of a longer name means it, and not the shorter one that is in it.
    let whole: Vec<_> = full.iter().map(|hit| wanted.whole_name(&hit.product)).collect();
    let most = whole.iter().max().copied().unwrap_or_default();
    let mut whole = full.iter().zip(whole).filter(|(_, whole)| most > 0 && *whole == most);
    let (first, second) = (whole.next(), whole.next());
    match (full.as_slice(), first, second) {
        ([], ..) => None,
        ([only], ..) | (_, Some((only, _)), None) => Some(Resolved::One(only.product.clone())),
        _ => {
            let products = full.iter().map(|hit| hit.product.clone());
            Some(Resolved::Several(products.collect(), full.len()))
        }
    }
}

/// Those that have most of the words, or mean much the same; the search's order decides between them.
fn near(names: &[String], hits: &[Hit]) -> Resolved {
    let wanted = Wanted::new(names);
    let scored: Vec<_> = hits.iter().map(|hit| (wanted.percent(&hit.product), hit)).collect();
    let best = scored.iter().map(|(percent, _)| *percent).max().unwrap_or_default();
    let is_near = |(percent, hit): &&(usize, &Hit)| {
        let by_words = *percent == best && best >= NEAR_PERCENT;
        by_words || hit.cosine.is_some_and(|cosine| cosine >= ALIKE)
    };
    let near = scored.iter().filter(is_near).take(MAX_NEAR);
    match near.map(|(_, hit)| hit.product.clone()).collect::<Vec<_>>() {
        near if near.is_empty() => Resolved::Nothing,
        near => Resolved::Near(near),
    }
}

/// The share of these words, in percent, that a product has; by another name it may have more.
pub(in crate::skills) fn share(names: &[String], product: &Product) -> usize {
    let other = by_other_names(names).map(|other| Wanted::new(&other).percent(product));
    Wanted::new(names).percent(product).max(other.unwrap_or_default())
}

/// The words as others call what they name, where they do.
fn by_other_names(names: &[String]) -> Option<Vec<String>> {
    let other = words(&other_names(&query(names))?);
    Some(other.into_iter().map(|word| word.folded).collect())
}

/// Whether these words say what one of the products is, and not only which one of its kind.
pub(super) fn say_what(names: &[String], products: &[Seen<Product>]) -> bool {
    let wanted = Wanted::new(names);
    products.iter().any(|product| wanted.say_what(product))
}

/// The words as one query, as many of them as a query takes.
pub(in crate::skills) fn query(names: &[String]) -> String {
    let mut query = names.join(" ");
    while query.len() > MAX_QUERY_BYTES {
        let last = query.rfind(' ').unwrap_or_default();
        query.truncate(last);
    }
    query
}

/// What was asked for, as an answer repeats it.
pub(super) fn asked_for(names: &[String]) -> String {
    fold(&names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_does_not_name() {
        let question = words("How much is the whole milk in your store?");
        assert_eq!(naming(&question, &[0, 1, 2], Language::English), ["whole", "milk"]);
    }
}

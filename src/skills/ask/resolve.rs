//! Which products a question is about.

use std::collections::BTreeSet;

use super::phrases;
use crate::facts::search::{Hit, MAX_HITS, MAX_QUERY_BYTES, other_names};
use crate::facts::{Attribute, Product, Reader, Seen};
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
/// Words of amounts and containers: they narrow a search, and mean nothing where they do not.
const AMOUNTS: &str = "\
    one two three four five six can cans tin tins bottle bottles box boxes bag bags jar jars piece \
    pieces loaf pack packs glass carton dozen ein zwei drei vier dose dosen flasche flaschen tute \
    glas stuck packung kiste kilo lata latas botella botellas bolsa caja bote dos tres boite boites \
    bouteille bouteilles sachet paquet deux trois pot g kg ml l oz lb lbs gram grams gramm";

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
        near(&scored(names, &hits))
    })
}

/// All products that have these words, whatever else they are.
pub(super) fn all_with(names: &[String], view: &mut View<'_>) -> Vec<Seen<Product>> {
    let hits = view.find(&query(names), MAX_HITS);
    let full = scored(names, &hits).into_iter().filter(|(fit, _)| fit.percent == 100);
    full.map(|(_, hit)| hit.product.clone()).collect()
}

/// The products that have all of the words, or all of another name for them.
fn full(names: &[String], hits: &[Hit]) -> Option<Resolved> {
    // A search looks for the other names as well, so what goes by them is among the hits.
    let other = || by_other_names(names);
    whole(&scored(names, hits)).or_else(|| whole(&scored(&other()?, hits)))
}

fn scored<'a>(names: &[String], hits: &'a [Hit]) -> Vec<(Fit, &'a Hit)> {
    hits.iter().map(|hit| (Fit::of(names, &hit.product), hit)).collect()
}

/// The products that have all of the words; none where no product has.
fn whole(scored: &[(Fit, &Hit)]) -> Option<Resolved> {
    let full: Vec<_> = scored.iter().filter(|(fit, _)| fit.percent == 100).collect();
    // Coffee goes before coffee creamer.
    let heads: Vec<_> = full.iter().filter(|(fit, _)| fit.head).copied().collect();
    let full = if heads.is_empty() { full } else { heads };
    // Who says all of a longer name means it, and not the shorter one that is in it.
    let most = full.iter().map(|(fit, _)| fit.whole_name).max().unwrap_or_default();
    let mut whole = full.iter().filter(|(fit, _)| most > 0 && fit.whole_name == most);
    let (first, second) = (whole.next(), whole.next());
    match (full.as_slice(), first, second) {
        ([], ..) => None,
        ([(_, only)], ..) | (_, Some((_, only)), None) => Some(Resolved::One(only.product.clone())),
        _ => {
            let count = full.len();
            let products = full.into_iter().map(|(_, hit)| hit.product.clone());
            Some(Resolved::Several(products.collect(), count))
        }
    }
}

/// Those that have most of the words, or mean much the same; the search's order decides between them.
fn near(scored: &[(Fit, &Hit)]) -> Resolved {
    let best = scored.iter().map(|(fit, _)| fit.percent).max().unwrap_or_default();
    let is_near = |(fit, hit): &&(Fit, &Hit)| {
        let by_words = fit.percent == best && best >= NEAR_PERCENT;
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
    let other = by_other_names(names).map(|other| Fit::of(&other, product).percent);
    Fit::of(names, product).percent.max(other.unwrap_or_default())
}

/// The words as others call what they name, where they do.
fn by_other_names(names: &[String]) -> Option<Vec<String>> {
    let other = words(&other_names(&query(names))?);
    Some(other.into_iter().map(|word| word.folded).collect())
}

/// Whether these words say what one of the products is, and not only which one of its kind.
pub(super) fn say_what(names: &[String], products: &[Seen<Product>]) -> bool {
    products.iter().any(|product| Fit::of(names, product).head)
}

/// How well a product fits words.
struct Fit {
    /// Share of the words that it has.
    percent: usize,
    /// Words of its name, where the words have all of it; else 0.
    whole_name: usize,
    /// Whether one of them is what the product is, as a name's last word tells in English and
    /// German.
    head: bool,
}

impl Fit {
    fn of(names: &[String], product: &Product) -> Self {
        let known = known_words(product);
        let has = |word: &&String| known.iter().any(|known| same(word, known));
        let count = |word: &str| word.len() < 3 && word.bytes().all(|byte| byte.is_ascii_digit());
        let amount =
            |word: &str| count(word) || AMOUNTS.split_ascii_whitespace().any(|known| known == word);
        let counted: Vec<_> = names.iter().filter(|word| has(word) || !amount(word)).collect();
        let hits = counted.iter().filter(|word| has(word)).count();
        let percent = (hits * 100).checked_div(counted.len()).unwrap_or_default();
        let whole_name = product.names.iter().map(|(lang, name)| {
            let asked = |word: &Word| names.iter().any(|name| same(name, &word.folded));
            let words = words(name);
            // Of the words that no question keeps, as the Market of a brand, nothing is wanted.
            let whole = words.iter().all(|word| asked(word) || idle_in(lang, word));
            if whole { words.iter().filter(|word| asked(word)).count() } else { 0 }
        });
        let whole_name = whole_name.max().unwrap_or_default();
        let size = product.size.as_ref().map_or("", |size| size.text.as_str());
        let head = [Language::English, Language::German].iter().any(|language| {
            let name = language.own_text(&product.names).unwrap_or_default();
            let last = words(name.strip_suffix(size).unwrap_or(name)).pop();
            last.is_some_and(|last| names.iter().any(|name| same(name, &last.folded)))
        });
        Self { percent, whole_name, head }
    }
}

/// Whether a word of a name is one that says nothing in the name's language, or a letter alone, which
/// questions do not keep.
fn idle_in(lang: &str, word: &Word) -> bool {
    if word.folded.len() == 1 && !word.is_number() {
        return true;
    }
    let code = lang.split('-').next();
    let language = Language::ALL.into_iter().find(|language| Some(language.code()) == code);
    language.is_some_and(|language| is_idle(&word.folded, language))
}

/// Whether a word stands in every sentence, or says nothing about which product is meant.
fn is_idle(word: &str, language: Language) -> bool {
    let noise = phrases::noise(language).split_ascii_whitespace();
    language.function_words().chain(noise).any(|known| known == word)
}

/// Everything that a product may be called by, folded.
fn known_words(product: &Product) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let mut take = |text: &str| known.extend(words(text).into_iter().map(|word| word.folded));
    product.names.values().for_each(|name| take(name));
    product.brand.iter().for_each(|brand| take(brand));
    product.category.iter().for_each(|category| take(category));
    product.size.iter().for_each(|size| take(&size.text));
    for (name, value) in &product.attributes {
        match value {
            // Of where a record comes from nobody asks: it names its neighbours as well.
            _ if name.starts_with("source_") => {}
            Attribute::Flag(true) => take(name),
            Attribute::Text(text) if text.len() < 40 => take(text),
            _ => {}
        }
    }
    known
}

/// Whether two folded words mean the same, as far as letters tell: endings of plurals, parts of
/// compounds, one wrong letter in a long word.
pub(in crate::skills) fn same(asked: &str, known: &str) -> bool {
    if asked == known || stem(asked) == stem(known) {
        return true;
    }
    let (long, short) = if asked.len() < known.len() { (known, asked) } else { (asked, known) };
    let compound = short.len() >= 5 && (long.ends_with(short) || long.starts_with(short));
    let letters = |word: &str| word.chars().all(char::is_alphabetic);
    compound && letters(long)
        || asked.len() >= 5 && letters(asked) && letters(known) && distance(asked, known) == 1
}

/// A word without the endings of plurals.
fn stem(word: &str) -> &str {
    let endings = ["es", "en", "s", "n", "e", "x"];
    let cut = endings.iter().find_map(|ending| word.strip_suffix(ending));
    cut.filter(|cut| cut.len() >= 3).unwrap_or(word)
}

/// 0, 1, or 2 for more: letters that are put in, left out, wrong, or change places.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let begin = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(begin..).unwrap_or_default(), b.get(begin..).unwrap_or_default());
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let a = a.get(..a.len() - end).unwrap_or_default();
    let b = b.get(..b.len() - end).unwrap_or_default();
    match (a, b) {
        ([], []) => 0,
        ([_], []) | ([], [_]) | ([_], [_]) => 1,
        ([a, b], [c, d]) if a == d && b == c => 1,
        _ => 2,
    }
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
    fn words_are_the_same_with_other_endings_in_compounds_and_with_one_slip() {
        for (asked, known, expected) in [
            ("milk", "milk", true),
            ("bananas", "banana", true),
            ("tomatoes", "tomato", true),
            ("milch", "vollmilch", true),
            ("apfel", "apfelsaft", true),
            ("cofee", "coffee", true),
            ("chocolatte", "chocolate", true),
            ("yogrut", "yogurt", true),
            ("oat", "goat", false),
            ("rice", "price", false),
            ("milk", "silk", false),
            ("500", "5000", false),
            ("butter", "better", true),
            ("wine", "vinegar", false),
        ] {
            assert_eq!(same(asked, known), expected, "{asked} {known}");
        }
    }

    #[test]
    fn what_asks_does_not_name() {
        let question = words("How much is the whole milk in your store?");
        assert_eq!(naming(&question, &[0, 1, 2], Language::English), ["whole", "milk"]);
    }
}

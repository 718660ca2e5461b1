//! Which products a question is about.

use std::collections::BTreeSet;

use super::phrases;
use crate::facts::search::MAX_QUERY_BYTES;
use crate::facts::{Attribute, Product, Reader, Seen};
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::words::{Word, fold, words};

/// Candidates that are looked at.
const CANDIDATES: usize = 50;
/// The share of words, in percent, from which on a product may be what was meant.
const NEAR_PERCENT: usize = 50;
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
    let idle = |word: &str| {
        language
            .function_words()
            .chain(phrases::noise(language).split_ascii_whitespace())
            .any(|known| known == word)
    };
    let kept = words.iter().enumerate().filter(|(at, word)| {
        !asking.contains(at) && !idle(&word.folded) && (word.folded.len() > 1 || word.is_number())
    });
    kept.map(|(_, word)| word.folded.clone()).collect()
}

/// The product whose SKU stands in a question.
pub(super) fn by_sku(question: &str, reader: &mut Reader) -> Option<Seen<Product>> {
    let sku = |part: &str| part.len() >= 3 && part.bytes().any(|byte| byte.is_ascii_digit());
    let parts = question.split(|c: char| c.is_whitespace() || "?!,;:()\"".contains(c));
    let parts = parts.map(|part| part.trim_matches(['.', '-', '\'']));
    parts.filter(|part| sku(part)).take(8).find_map(|part| reader.product(part))
}

/// The products that these words name.
pub(super) fn resolve(names: &[String], view: &mut View<'_>) -> Resolved {
    if names.is_empty() {
        return Resolved::Unnamed;
    }
    let found = view.find(&query(names), CANDIDATES);
    let mut scored: Vec<(Fit, Seen<Product>)> =
        found.into_iter().map(|product| (Fit::of(names, &product), product)).collect();
    // A stable sort: the search's own order decides between equals.
    scored.sort_by_key(|(fit, _)| std::cmp::Reverse(fit.percent));
    let best = scored.first().map_or(0, |(fit, _)| fit.percent);
    let full: Vec<_> = scored.iter().filter(|(fit, _)| fit.percent == 100).collect();
    if full.is_empty() {
        let near = scored.into_iter().filter(|(fit, _)| fit.percent == best).take(3);
        let near: Vec<_> = near.map(|(_, product)| product).collect();
        return if best >= NEAR_PERCENT { Resolved::Near(near) } else { Resolved::Nothing };
    }
    // Coffee goes before coffee creamer.
    let heads: Vec<_> = full.iter().filter(|(fit, _)| fit.head).copied().collect();
    let full = if heads.is_empty() { full } else { heads };
    let mut whole = full.iter().filter(|(fit, _)| fit.whole_name);
    let (first, second) = (whole.next(), whole.next());
    match (full.as_slice(), first, second) {
        ([(_, only)], ..) | (_, Some((_, only)), None) => Resolved::One(only.clone()),
        _ => {
            let count = full.len();
            Resolved::Several(full.into_iter().map(|(_, product)| product.clone()).collect(), count)
        }
    }
}

/// How well a product fits words.
struct Fit {
    /// Share of the words that it has.
    percent: usize,
    /// Whether the words have all of its name.
    whole_name: bool,
    /// Whether one of them is what the product is, as a name's last word tells in English and
    /// German.
    head: bool,
}

impl Fit {
    fn of(names: &[String], product: &Product) -> Self {
        let known = known_words(product);
        let has = |word: &&String| known.iter().any(|known| same(word, known));
        let amount = |word: &str| AMOUNTS.split_ascii_whitespace().any(|known| known == word);
        let counted: Vec<_> = names.iter().filter(|word| has(word) || !amount(word)).collect();
        let hits = counted.iter().filter(|word| has(word)).count();
        let percent = (hits * 100).checked_div(counted.len()).unwrap_or_default();
        let whole_name = product.names.values().any(|name| {
            let words = words(name);
            !words.is_empty()
                && words.iter().all(|word| names.iter().any(|name| same(name, &word.folded)))
        });
        let size = product.size.as_ref().map_or("", |size| size.text.as_str());
        let head = [Language::English, Language::German].iter().any(|language| {
            let name = language.own_text(&product.names).unwrap_or_default();
            let last = words(name.strip_suffix(size).unwrap_or(name)).pop();
            last.is_some_and(|last| names.iter().any(|name| same(name, &last.folded)))
        });
        Self { percent, whole_name, head }
    }
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
            Attribute::Flag(true) => take(name),
            Attribute::Text(text) if text.len() < 40 => take(text),
            _ => {}
        }
    }
    known
}

/// Whether two folded words mean the same, as far as letters tell: endings of plurals, parts of
/// compounds, one wrong letter in a long word.
pub(super) fn same(asked: &str, known: &str) -> bool {
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
pub(super) fn query(names: &[String]) -> String {
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

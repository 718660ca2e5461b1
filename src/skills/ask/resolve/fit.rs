//! How well products fit words.

use std::collections::BTreeSet;

use super::is_idle;
use crate::facts::{Attribute, Product};
use crate::skills::language::Language;
use crate::skills::words::{Word, each_word, words};

/// Words of amounts and containers: they narrow a search, and mean nothing where they do not.
const AMOUNTS: &str = "\
    one two three four five six can cans tin tins bottle bottles box boxes bag bags jar jars piece \
    pieces loaf pack packs glass carton dozen ein zwei drei vier dose dosen flasche flaschen tute \
    glas stuck packung kiste kilo lata latas botella botellas bolsa caja bote dos tres boite boites \
    bouteille bouteilles sachet paquet deux trois pot g kg ml l oz lb lbs gram grams gramm";

/// Words that products are held against.
pub(super) struct Wanted<'a> {
    names: &'a [String],
    /// Which of them are amounts.
    amounts: Vec<bool>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        let count = |word: &str| word.len() < 3 && word.bytes().all(|byte| byte.is_ascii_digit());
        let amount =
            |word: &str| count(word) || AMOUNTS.split_ascii_whitespace().any(|known| known == word);
        Self { names, amounts: names.iter().map(|name| amount(name)).collect() }
    }

    /// Share of the words, in percent, that a product has. Amounts count where it has them.
    pub(super) fn percent(&self, product: &Product) -> usize {
        let mut had = vec![false; self.names.len()];
        each_text(product, |text| {
            each_word(text, |word, _| {
                for (had, name) in had.iter_mut().zip(self.names) {
                    *had = *had || same(name, word);
                }
            });
        });
        let hits = had.iter().filter(|had| **had).count();
        let counted = had.iter().zip(&self.amounts).filter(|(had, amount)| **had || !**amount);
        (hits * 100).checked_div(counted.count()).unwrap_or_default()
    }

    /// Words of a product's name, where these are all of it; else 0.
    pub(super) fn whole_name(&self, product: &Product) -> usize {
        let whole_name = product.names.iter().map(|(lang, name)| {
            let words = words(name);
            // Of the words that no question keeps, as the Market of a brand, nothing is wanted.
            let whole = words.iter().all(|word| self.has(word) || idle_in(lang, word));
            // Packs of 12 times 12 have no more of "12" than one of 12.
            let said = words.iter().filter(|word| self.has(word)).map(|word| &word.folded);
            if whole { said.collect::<BTreeSet<_>>().len() } else { 0 }
        });
        whole_name.max().unwrap_or_default()
    }

    /// Whether one of them is what the product is, as a name's last word tells in English and
    /// German.
    pub(super) fn say_what(&self, product: &Product) -> bool {
        let size = product.size.as_ref().map_or("", |size| size.text.as_str());
        [Language::English, Language::German].iter().any(|language| {
            let name = language.own_text(&product.names).unwrap_or_default();
            let last = words(name.strip_suffix(size).unwrap_or(name)).pop();
            last.is_some_and(|last| self.has(&last))
        })
    }

    fn has(&self, word: &Word) -> bool {
        self.names.iter().any(|name| same(name, &word.folded))
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

/// Everything that a product may be called by.
fn each_text(product: &Product, mut take: impl FnMut(&str)) {
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
        || asked.len() >= 5 && differ_by_one(asked, known) && letters(asked) && letters(known)
}

/// A word without the endings of plurals.
fn stem(word: &str) -> &str {
    let endings = ["es", "en", "s", "n", "e", "x"];
    let cut = endings.iter().find_map(|ending| word.strip_suffix(ending));
    cut.filter(|cut| cut.len() >= 3).unwrap_or(word)
}

/// Whether one letter is put in, left out or wrong, or two beside each other have changed places.
fn differ_by_one(a: &str, b: &str) -> bool {
    fn equal(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> usize {
        a.zip(b).take_while(|(a, b)| a == b).map(|(same, _)| same.len_utf8()).sum()
    }
    let begin = equal(a.chars(), b.chars());
    let (a, b) = (a.get(begin..).unwrap_or_default(), b.get(begin..).unwrap_or_default());
    let end = equal(a.chars().rev(), b.chars().rev());
    let (a, b) = (a.get(..a.len() - end), b.get(..b.len() - end));
    let (mut a, mut b) = (a.unwrap_or_default().chars(), b.unwrap_or_default().chars());
    match ([a.next(), a.next(), a.next()], [b.next(), b.next(), b.next()]) {
        ([a, None, _], [b, None, _]) => a != b,
        ([Some(a), Some(b), None], [Some(c), Some(d), None]) => a == d && b == c,
        _ => false,
    }
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
            ("κοφες", "καφες", true),
            ("butter", "bitten", false),
        ] {
            assert_eq!(same(asked, known), expected, "{asked} {known}");
        }
    }
}

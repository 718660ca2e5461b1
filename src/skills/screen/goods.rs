//! Which names are those of goods: "Granny Smith" where the shop sells such apples.

use crate::facts::Product;
use crate::privacy::{Entity, Found};
use crate::skills::view::View;
use crate::skills::words::{Word, words};

/// Names of one text that are looked up; more of them are no question about goods.
const MAX_LOOKED_UP: usize = 12;
/// Products that are looked at for one name.
const MAX_PRODUCTS: usize = 24;
/// Words beside a name that may be of the same product's.
const AROUND: usize = 2;
/// Bytes of what is searched for, at most.
const MAX_QUERY_BYTES: usize = 256;

/// The names and places that are none of the shop's goods.
pub(super) fn others(text: &str, tagged: Vec<Found>, view: &mut View<'_>) -> Vec<Found> {
    let words = words(text);
    let mut left = Vec::with_capacity(tagged.len());
    for (number, found) in tagged.into_iter().enumerate() {
        if number >= MAX_LOOKED_UP || !is_sold(text, &words, &found, view) {
            left.push(found);
        }
    }
    left
}

fn is_sold(text: &str, words: &[Word], found: &Found, view: &mut View<'_>) -> bool {
    let touches =
        |word: &Word| word.range.start < found.range.end && found.range.start < word.range.end;
    let Some(first) = words.iter().position(touches) else { return false };
    let count = words.iter().skip(first).take_while(|word| touches(word)).count();
    // A place may be one word of a product's name, as in "Parma ham", and so may what is written small.
    let small =
        !text.get(found.range.clone()).is_some_and(|part| part.contains(char::is_uppercase));
    let name = Name {
        words,
        first,
        last: first + count - 1,
        alone: found.entity == Entity::Location || small,
    };
    let from = first.saturating_sub(AROUND);
    for (from, to) in [(first, name.last), (from, name.last + AROUND)] {
        let part = words.iter().skip(from).take(to + 1 - from);
        let mut query: String = part.map(|word| word.folded.as_str()).collect::<Vec<_>>().join(" ");
        let cut = query.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_QUERY_BYTES);
        query.truncate(cut.unwrap_or(query.len()));
        let hits = view.find(&query, MAX_PRODUCTS);
        if hits.iter().any(|hit| name.is_of(&hit.product)) {
            return true;
        }
    }
    false
}

/// Words of a text, from one to another.
struct Name<'a> {
    words: &'a [Word],
    first: usize,
    last: usize,
    /// Whether one word of a product's name is enough.
    alone: bool,
}

impl Name<'_> {
    /// Whether a product is called so: by its whole brand or name, or by several words of it that stand
    /// together in both. A person may share one word with a product.
    fn is_of(&self, product: &Product) -> bool {
        let whole = product.brand.iter().chain(product.names.values());
        whole.map(|name| words(name)).any(|name| self.is_part_of(&name))
    }

    fn is_part_of(&self, name: &[Word]) -> bool {
        (0..name.len()).any(|at| {
            let Some(before) = self.run(name, at) else { return false };
            before >= 2 || self.alone || before == name.len()
        })
    }

    /// How many words of the text around these stand together in a product's name too, where this name's
    /// first word is the product's at a place; none where not all of these do.
    fn run(&self, name: &[Word], at: usize) -> Option<usize> {
        let same = |text: usize, named: usize| {
            let (one, other) = (self.words.get(text), name.get(named));
            one.zip(other).is_some_and(|(one, other)| one.folded == other.folded)
        };
        let behind = (0..).take_while(|step| same(self.first + step, at + step)).count();
        if behind < self.last + 1 - self.first {
            return None;
        }
        let before = (1..=self.first.min(at)).take_while(|step| same(self.first - step, at - step));
        Some(behind + before.count())
    }
}

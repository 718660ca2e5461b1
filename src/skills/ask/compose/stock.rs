//! Whether products are there, and where they stand.

use super::{Draft, Question, sku};
use crate::facts::{Band, Product, Seen, Stock, Table};
use crate::skills::figures;
use crate::skills::view::View;
use crate::skills::wording::{Say, place};

/// Whether each of these products is there, and where.
pub(super) fn each(_: &Question<'_>, products: &[Seen<Product>], view: &mut View<'_>) -> Draft {
    let mut draft = Draft::default();
    let old = view.is_old(Table::Stock);
    let mut told: Vec<(Told, Vec<String>)> = Vec::new();
    for product in products {
        draft.cite(product);
        let name = view.label(product);
        let stock = view.reader.stock(sku(product));
        let what = match stock.as_ref().map(|stock| stock.band) {
            _ if old => Told::Old,
            None => Told::Unknown,
            Some(Band::Out) => Told::Out,
            Some(Band::Low) => Told::Few,
            Some(Band::Some | Band::Plenty) => Told::There,
        };
        match told.iter_mut().find(|(known, _)| *known == what && what.joins()) {
            Some((_, names)) => names.push(name),
            None => told.push((what, vec![name])),
        }
    }
    // What is there is heard first.
    told.sort_by_key(|(what, _)| *what);
    for (what, names) in told {
        let name = figures::all(names, view.language);
        draft.say(view, what.say(&name));
    }
    let there: Vec<_> =
        products.iter().filter(|product| is_there(product, view)).cloned().collect();
    draft.sentences.extend(grouped(&there, view).into_iter().filter_map(|(names, place)| {
        place.map(|place| view.say(Say::Place { name: &names, place: &place }))
    }));
    draft
}

/// What is known of a product's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    There,
    Few,
    Out,
    Unknown,
    Old,
}

impl Told {
    /// Whether one sentence tells it of several products.
    fn joins(self) -> bool {
        !matches!(self, Self::Out | Self::Unknown)
    }

    fn say(self, name: &str) -> Say<'_> {
        match self {
            Self::There => Say::There { name },
            Self::Few => Say::Few { name },
            Self::Out => Say::SoldOut { name },
            Self::Unknown => Say::StockUnknown { name },
            Self::Old => Say::StockOld { name },
        }
    }
}

/// Where each of these products stands.
pub(super) fn places(_: &Question<'_>, products: &[Seen<Product>], view: &mut View<'_>) -> Draft {
    let mut draft = Draft::default();
    products.iter().for_each(|product| draft.cite(product));
    for (names, place) in grouped(products, view) {
        let name = names.as_str();
        match &place {
            Some(place) => draft.say(view, Say::Place { name, place }),
            None => draft.say(view, Say::NoPlace { name }),
        }
    }
    // Where nothing is left, the way is in vain.
    if !view.is_old(Table::Stock) {
        for product in products {
            let out = view.reader.stock(sku(product)).is_some_and(|stock| stock.band == Band::Out);
            if out {
                let name = view.label(product);
                draft.say(view, Say::SoldOut { name: &name });
            }
        }
    }
    draft
}

fn is_there(product: &Seen<Product>, view: &mut View<'_>) -> bool {
    view.reader.stock(sku(product)).is_some_and(|stock| stock.band != Band::Out)
}

/// The names of products that stand together, with the place where it is known.
fn grouped(products: &[Seen<Product>], view: &mut View<'_>) -> Vec<(String, Option<String>)> {
    let mut groups: Vec<(Option<String>, Vec<String>)> = Vec::new();
    for product in products {
        let place = view.reader.stock(sku(product)).and_then(|stock| place_of(&stock, view));
        let name = view.label(product);
        match groups.iter_mut().find(|(known, _)| *known == place) {
            Some((_, names)) => names.push(name),
            None => groups.push((place, vec![name])),
        }
    }
    let language = view.language;
    groups.into_iter().map(|(place, names)| (figures::all(names, language), place)).collect()
}

fn place_of(stock: &Stock, view: &View<'_>) -> Option<String> {
    let location = stock.location.as_ref()?;
    let [aisle, bay, shelf] =
        [&location.aisle, &location.bay, &location.shelf].map(|part| part.as_deref());
    let written = place(view.language, aisle, bay, shelf);
    (!written.is_empty()).then_some(written)
}

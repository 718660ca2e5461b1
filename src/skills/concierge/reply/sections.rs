//! Where a section of the shop is: the bakery, the drinks.

use std::collections::BTreeMap;

use crate::facts::search::Filters;
use crate::skills::ask::{Draft, Intent, Outcome, Read, same, sku};
use crate::skills::concierge::wording::{self, Line};
use crate::skills::figures;
use crate::skills::view::View;
use crate::skills::wording::place;
use crate::skills::words::{fold, words};

/// Products of a section that are looked at for where it is.
const LOOKED_AT: usize = 100;
/// Aisles that are named, and the share of its products, in percent, that one of them must have.
const MAX_AISLES: usize = 3;
const LEAST_PERCENT: usize = 10;
/// Words that say that a section is meant.
const SECTION: &str = "section department area counter aisle abteilung bereich theke seccion \
    departamento rayon stand";
/// Sections as they are called in other languages, folded, with their English name.
const NAMES: &str = "\
    obst gemuse frutas verduras verdura fruits legumes vegetables > produce\n\
    milchprodukte molkereiprodukte kuhlregal lacteos cremerie > dairy\n\
    backwaren backerei panaderia boulangerie > bakery\n\
    getranke getrankeabteilung bebidas boissons > drinks\n\
    fleisch fleischtheke carne carniceria viande boucherie > meat\n\
    fisch fischtheke pescaderia poissonnerie > seafood\n\
    haushalt haushaltswaren putzmittel limpieza menage > household\n\
    tiefkuhlkost tiefkuhlware tiefkuhler congelados surgeles > frozen\n\
    zeitschriften zeitungen revistas prensa journaux presse > press\n\
    tierfutter tierbedarf mascotas animaux > pets\n\
    blumen flores fleurs > floral";

/// Where the section is that a question for a place names; none where it names a product.
pub(super) fn section(read: &Read, view: &mut View<'_>) -> Option<Draft> {
    if read.intent() != Intent::Location || !read.meant.is_empty() {
        return None;
    }
    let mut names = read.names();
    names.retain(|name| !SECTION.split_ascii_whitespace().any(|word| word == name));
    let [name] = names.as_slice() else { return None };
    let (category, called) = named(name, read, view)?;
    let aisles = aisles(&category, view);
    if aisles.is_empty() {
        return None;
    }
    let aisles = figures::all(aisles, view.language);
    let place = place(view.language, Some(&aisles), None, None);
    let said = wording::say(view.language, Line::Section { name: &called, place: &place });
    Some(Draft { sentences: vec![said], outcome: Outcome::Answered, ..Draft::default() })
}

/// The category that a word names, as the shop's own names for its services and sections have it, and
/// how it is called in the shopper's language.
fn named(name: &str, read: &Read, view: &mut View<'_>) -> Option<(String, String)> {
    let services = view.reader.all_hours();
    let service = services.iter().find(|hours| {
        let own = hours.names.values().any(|own| same(name, &fold(own)));
        own || same(name, &fold(hours.id().id.as_str()))
    });
    if let Some(hours) = service {
        let called = view.language.text(&hours.names).to_owned();
        return Some((hours.id().id.as_str().to_owned(), called));
    }
    let other =
        NAMES.lines().filter_map(|line| line.split_once('>')).find_map(|(names, english)| {
            names
                .split_ascii_whitespace()
                .any(|known| known == name)
                .then(|| english.trim().to_owned())
        });
    let typed = words(&read.text).into_iter().find(|word| word.folded == name)?;
    let called = read.text.get(typed.range)?;
    let called: String = called
        .chars()
        .enumerate()
        .flat_map(|(at, c)| if at == 0 { c.to_uppercase().collect() } else { vec![c] })
        .collect();
    Some((other.unwrap_or_else(|| name.to_owned()), called))
}

/// The aisles in which most of a category stands, in order.
fn aisles(category: &str, view: &mut View<'_>) -> Vec<String> {
    let Ok(category) = category.parse() else { return Vec::new() };
    let filters = Filters { category: Some(category), ..Filters::default() };
    let found = view.find_with("", LOOKED_AT, filters);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for hit in &found {
        let stock = view.reader.stock(sku(&hit.product));
        let aisle = stock.and_then(|stock| stock.location.as_ref()?.aisle.clone());
        aisle.into_iter().for_each(|aisle| *counts.entry(aisle).or_default() += 1);
    }
    let mut most: Vec<(String, usize)> = counts.into_iter().collect();
    most.retain(|(_, count)| count * 100 >= found.len() * LEAST_PERCENT);
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    most.truncate(MAX_AISLES);
    let mut aisles: Vec<String> = most.into_iter().map(|(aisle, _)| aisle).collect();
    aisles.sort_by_key(|aisle| (aisle.len(), aisle.clone()));
    aisles
}

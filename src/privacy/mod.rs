//! Finds personal data in what people write, and takes it out.
//!
//! [`find`] tells where a text has an e-mail address, a phone number, a number of a card, an account
//! or a person, or what words before it call a name, a place or a date of birth; [`redact`] puts the
//! entity's name in its place. Names are those of Microsoft's Presidio, so that what is logged or
//! counted here reads as what other tools write. [`has_card`] is for those who must not even keep a
//! text that was redacted.
//!
//! A shop's texts are full of numbers that are nobody's: SKUs, GTINs, prices, sizes, dates. So a
//! card needs an issuer and Luhn's sum, an IBAN its country's length and its check digits, and a
//! run of digits is a phone number only where it is written as one, or words before it say so. Names
//! of people are told by the words before them ("my name is"), in English, German, French and Spanish.
//! A name that nothing announces is found by a model alone: whoever has one is a [`Tagger`], and
//! [`find_with`] joins what it says. `models/privacy` measures how much is found with and without.
//!
//! **Invariants**
//! - Time is linear in the text: what is looked at from one place has a bound.
//! - Ranges are in order, do not overlap, and begin and end between characters.
//! - Redacting twice changes nothing more.
//!
//! **Not here**: the model that tags words; who may see what.

// A room's paths are the same wherever they are written.
extern crate self as privacy;

mod birth;
mod card;
mod email;
mod gtin;
mod iban;
mod ip;
mod location;
mod national;
mod number;
mod person;
mod phone;
mod said;
mod tagged;
mod tagger;
#[cfg(test)]
mod tests;
mod url;

use std::fmt;
use std::ops::Range;

pub use tagged::{find_beside, find_with};
pub use tagger::{NoTagger, Tagger, Tagging, Untagged};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// `name@example.org`.
    EmailAddress,
    /// A number to call or write to.
    PhoneNumber,
    /// The number of a payment card, by issuer, length and Luhn's sum.
    CreditCard,
    /// An account number, by its country's length and ISO 7064 check digits.
    IbanCode,
    /// An address of IPv4 or IPv6.
    IpAddress,
    /// An address of the web with a user in it.
    Url,
    /// A social security number of the United States.
    UsSsn,
    /// A person's tax number in Germany.
    DeTaxId,
    /// A social security number of France.
    FrNir,
    /// A person's number in Spain, by its letter.
    EsNif,
    /// A foreigner's number in Spain, by its letter.
    EsNie,
    /// A number of the United Kingdom's health service.
    UkNhs,
    /// A national insurance number of the United Kingdom.
    UkNino,
    /// A name that words before it announce, or that a model tagged.
    Person,
    /// A place: a street with its number, what words announce, or what a model tagged.
    Location,
    /// A date that words before it call that of a birth.
    DateOfBirth,
}

impl Entity {
    /// As Presidio calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmailAddress => "EMAIL_ADDRESS",
            Self::PhoneNumber => "PHONE_NUMBER",
            Self::CreditCard => "CREDIT_CARD",
            Self::IbanCode => "IBAN_CODE",
            Self::IpAddress => "IP_ADDRESS",
            Self::Url => "URL",
            Self::UsSsn => "US_SSN",
            Self::DeTaxId => "DE_TAX_ID",
            Self::FrNir => "FR_NIR",
            Self::EsNif => "ES_NIF",
            Self::EsNie => "ES_NIE",
            Self::UkNhs => "UK_NHS",
            Self::UkNino => "UK_NINO",
            Self::Person => "PERSON",
            Self::Location => "LOCATION",
            Self::DateOfBirth => "DATE_OF_BIRTH",
        }
    }
}

impl Entity {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::EmailAddress,
        Self::PhoneNumber,
        Self::CreditCard,
        Self::IbanCode,
        Self::IpAddress,
        Self::Url,
        Self::UsSsn,
        Self::DeTaxId,
        Self::FrNir,
        Self::EsNif,
        Self::EsNie,
        Self::UkNhs,
        Self::UkNino,
        Self::Person,
        Self::Location,
        Self::DateOfBirth,
    ];

    /// The one that Presidio calls so.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// Whether it is told by its own form, and not by the words before it or by a model.
    pub fn has_pattern(self) -> bool {
        !matches!(self, Self::Person | Self::Location | Self::DateOfBirth)
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Personal data in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub entity: Entity,
    /// Bytes of the text.
    pub range: Range<usize>,
}

/// All personal data of a text, in order.
pub fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    // What is found first hides what stands there from the next ones, as it does once redacted.
    between(text, &mut found, |part| named(Entity::Url, url::find(part)));
    between(text, &mut found, |part| named(Entity::EmailAddress, email::find(part)));
    between(text, &mut found, |part| named(Entity::DateOfBirth, birth::find(part)));
    between(text, &mut found, |part| named(Entity::Location, location::find(part)));
    between(text, &mut found, |part| named(Entity::Person, person::find(part)));
    between(text, &mut found, numbers);
    found
}

/// Whether a text has the number of a payment card: a trip-wire for what may not be kept at all.
pub fn has_card(text: &str) -> bool {
    find(text).iter().any(|found| found.entity == Entity::CreditCard)
}

fn named(entity: Entity, ranges: Vec<Range<usize>>) -> Vec<Found> {
    ranges.into_iter().map(|range| Found { entity, range }).collect()
}

/// Looks between what was found, and adds what is found there.
fn between(text: &str, found: &mut Vec<Found>, look: impl Fn(&str) -> Vec<Found>) {
    let mut all = Vec::with_capacity(found.len());
    let mut from = 0;
    let end = Found { entity: Entity::Url, range: text.len()..text.len() };
    for next in std::mem::take(found).into_iter().chain([end]) {
        let part = text.get(from..next.range.start).unwrap_or_default();
        let moved = |found: Found| Found {
            range: from + found.range.start..from + found.range.end,
            ..found
        };
        all.extend(look(part).into_iter().map(moved));
        from = next.range.end;
        all.push(next);
    }
    all.pop();
    *found = all;
}

/// The text with `<EMAIL_ADDRESS>` and the like in place of what was found.
pub fn redact(text: &str) -> String {
    redact_found(text, &find(text))
}

/// The same for what is known to be found in this text: in order, without overlap.
pub fn redact_found(text: &str, found: &[Found]) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut from = 0;
    for Found { entity, range } in found {
        redacted.push_str(text.get(from..range.start).unwrap_or_default());
        redacted.push('<');
        redacted.push_str(entity.name());
        redacted.push('>');
        from = range.end;
    }
    redacted.push_str(text.get(from..).unwrap_or_default());
    redacted
}

/// What begins with a digit, a sign before digits, or letters of an IBAN or an IPv6 address.
fn numbers(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    // What was found hides what stands before it, as it does in a text that is redacted.
    while let Some((entity, range)) = text.get(from..).and_then(first_number) {
        let range = from + range.start..from + range.end;
        from = range.end;
        found.push(Found { entity, range });
    }
    found
}

fn first_number(text: &str) -> Option<(Entity, Range<usize>)> {
    // Within a word or a number, such as the month of a date, nothing begins.
    let mut last = [' '; 2];
    for (at, next) in text.char_indices() {
        let inside = match last {
            [digit, '.' | '/' | '-'] => digit.is_ascii_digit(),
            [_, last] => last.is_alphanumeric(),
        };
        if !inside && (next.is_ascii_alphanumeric() || matches!(next, '+' | '(' | ':')) {
            let found = number_at(text, at);
            if let Some((entity, end)) = found {
                return Some((entity, at..end));
            }
        }
        last = [last[1], next];
    }
    None
}

/// What begins at a place, and where it ends.
fn number_at(text: &str, at: usize) -> Option<(Entity, usize)> {
    let is = |entity| move |end| (entity, end);
    (iban::end(text, at).map(is(Entity::IbanCode)))
        .or_else(|| ip::end(text, at).map(is(Entity::IpAddress)))
        .or_else(|| national::end(text, at))
        .or_else(|| card::end(text, at).map(is(Entity::CreditCard)))
        .or_else(|| phone::end(text, at).map(is(Entity::PhoneNumber)))
}

/// The character before a place.
fn before(text: &str, at: usize) -> Option<char> {
    text.get(..at)?.chars().next_back()
}

/// The character at a place.
fn after(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next()
}

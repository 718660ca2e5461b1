//! Finds patterned personal data in what people write, and takes it out.
//!
//! [`find`] tells where a text has an e-mail address, a phone number, a card number, an IBAN or an
//! IP address; [`redact`] puts the entity's name in its place. Names are those of Microsoft's
//! Presidio, so that what is logged or counted here reads as what other tools write.
//!
//! A shop's texts are full of numbers that are nobody's: SKUs, GTINs, prices, sizes, dates. So a
//! card needs an issuer and Luhn's sum, an IBAN its country's length and its check digits, and a
//! run of digits is a phone number only where it is written as one, or words before it say so.
//!
//! **Invariants**
//! - Time is linear in the text: what is looked at from one place has a bound.
//! - Ranges are in order, do not overlap, and begin and end between characters.
//! - Redacting twice changes nothing more.
//!
//! **Not here**: names and addresses of people, which have no pattern; who may see what.

// A room's paths are the same wherever they are written.
extern crate self as privacy;

mod card;
mod email;
mod gtin;
mod iban;
mod ip;
mod number;
mod phone;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

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
        }
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

/// All patterned personal data of a text, in order.
pub fn find(text: &str) -> Vec<Found> {
    let emails = email::find(text);
    let mut found = Vec::new();
    let mut from = 0;
    for range in emails {
        numbers(text, from..range.start, &mut found);
        from = range.end;
        found.push(Found { entity: Entity::EmailAddress, range });
    }
    numbers(text, from..text.len(), &mut found);
    found
}

/// The text with `<EMAIL_ADDRESS>` and the like in place of what was found.
pub fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut from = 0;
    for Found { entity, range } in find(text) {
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
fn numbers(text: &str, within: Range<usize>, found: &mut Vec<Found>) {
    let mut from = within.start;
    // What was found hides what stands before it, as it does in a text that is redacted.
    while let Some(part) = text.get(from..within.end) {
        let Some((entity, range)) = first_number(part) else { return };
        let range = from + range.start..from + range.end;
        from = range.end;
        found.push(Found { entity, range });
    }
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

//! Addresses of machines, which are personal data where a person uses them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{after, before};

/// Bytes of the longest written address.
const MAX_BYTES: usize = 45;

/// Where an address that begins at `at` ends.
pub(super) fn end(text: &str, at: usize) -> Option<usize> {
    if before(text, at).is_some_and(|c| c == '.' || c == ':') {
        return None;
    }
    four(text, at).or_else(|| six(text, at))
}

fn four(text: &str, at: usize) -> Option<usize> {
    let written = token(text, at, |b| b.is_ascii_digit() || b == b'.').trim_end_matches('.');
    let end = at + written.len();
    let address = written.parse::<Ipv4Addr>().is_ok();
    (address && !after(text, end).is_some_and(char::is_alphanumeric)).then_some(end)
}

fn six(text: &str, at: usize) -> Option<usize> {
    let written = token(text, at, |b| b.is_ascii_hexdigit() || b == b':' || b == b'.');
    let written = written.trim_end_matches('.');
    // With one colon behind an address the sentence goes on.
    let written = match written.strip_suffix(':') {
        Some(rest) if !rest.ends_with(':') => rest,
        _ => written,
    };
    let end = at + written.len();
    let digits = written.bytes().any(|b| b.is_ascii_digit());
    let address = written.len() > 2 && digits && written.parse::<Ipv6Addr>().is_ok();
    (address && !after(text, end).is_some_and(char::is_alphanumeric)).then_some(end)
}

/// The longest beginning of such bytes; empty where it is longer than an address.
fn token(text: &str, at: usize, part: impl Fn(u8) -> bool) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let bytes = rest.bytes().take(MAX_BYTES + 1).take_while(|&b| part(b)).count();
    if bytes > MAX_BYTES { "" } else { rest.get(..bytes).unwrap_or_default() }
}

//! E-mail addresses.

use std::ops::Range;

/// Bytes before and behind the `@` at most, as RFC 5321 has them.
const MAX_LOCAL_BYTES: usize = 64;
const MAX_DOMAIN_BYTES: usize = 255;

/// All addresses of a text, in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let from = found.last().map_or(0, |range| range.end);
        let (Some(before), Some(behind)) = (text.get(from..at), text.get(at + 1..)) else {
            continue;
        };
        let (local, domain) = (local_bytes(before), domain_bytes(behind));
        if local > 0 && domain > 0 {
            found.push(at - local..at + 1 + domain);
        }
    }
    found
}

/// How many bytes at the end can be the part before the `@`.
fn local_bytes(text: &str) -> usize {
    let allowed = |c: char| c.is_alphanumeric() || "._%+-'".contains(c);
    let mut bytes = 0;
    for c in text.chars().rev().take_while(|&c| allowed(c)) {
        if bytes + c.len_utf8() > MAX_LOCAL_BYTES {
            break;
        }
        bytes += c.len_utf8();
    }
    let local = text.get(text.len() - bytes..).unwrap_or_default();
    local.trim_start_matches(['.', '\'', '-', '%']).len()
}

/// How many bytes at the beginning are a domain: labels with dots between, the last of letters.
fn domain_bytes(text: &str) -> usize {
    let allowed = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    let mut bytes = 0;
    for c in text.chars().take_while(|&c| allowed(c)) {
        if bytes + c.len_utf8() > MAX_DOMAIN_BYTES {
            break;
        }
        bytes += c.len_utf8();
    }
    let mut domain = text.get(..bytes).unwrap_or_default().trim_end_matches(['.', '-']);
    // "…@example.org.Then" and the like: labels, and what hyphens
    // join to them, are given up from the end until it is a domain.
    while let Some((rest, last)) = domain.rsplit_once('.') {
        let top = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
        let punycode = last.starts_with("xn--");
        if (top || punycode) && rest.split('.').all(|label| !label.is_empty()) {
            return domain.len();
        }
        let shorter = last.rsplit_once('-').map_or(0, |(head, _)| head.len() + 1);
        let end = if shorter > 1 { rest.len() + shorter } else { rest.len() };
        domain = domain.get(..end).unwrap_or_default();
    }
    0
}

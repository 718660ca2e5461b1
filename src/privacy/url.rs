//! Addresses of the web that have a user in them.

use std::ops::Range;

/// Characters of an address at most; what is longer is taken out in pieces.
const MAX_CHARS: usize = 2048;

/// All addresses with `user@` or `user:password@`, in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices("://") {
        let from = found.last().map_or(0, |range| range.end);
        let (Some(before), Some(behind)) = (text.get(from..at), text.get(at + 3..)) else {
            continue;
        };
        let scheme = before.bytes().rev().take(16).take_while(u8::is_ascii_alphanumeric).count();
        let parts = behind.chars().take(MAX_CHARS).take_while(|&c| is_part(c));
        let whole = behind.get(..parts.map(char::len_utf8).sum()).unwrap_or_default();
        let whole = whole.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'']);
        let authority = whole.split(['/', '?', '#']).next().unwrap_or_default();
        let user = authority
            .rsplit_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        if scheme > 0 && user {
            found.push(at - scheme..at + 3 + whole.len());
        }
    }
    found
}

fn is_part(c: char) -> bool {
    !c.is_whitespace() && !"<>\"`{}|\\^".contains(c)
}

//! A request's id, by which client, log and operator speak of the same thing.

use std::cell::RefCell;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The header that carries it, in and out.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 128;

/// Up to 128 letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The client's id where it is one, else a new one.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        match given {
            Some(id) if is_sound(id) => Self(id.to_owned()),
            _ => Self::new(),
        }
    }

    /// A new, random one.
    pub fn new() -> Self {
        Self(fresh_id::<12>("req_"))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

/// A new id of so many random bytes behind a prefix. Ids are told apart by it and guard nothing, so
/// each thread draws them from a generator of its own, which the system has seeded.
pub fn fresh_id<const BYTES: usize>(prefix: &str) -> String {
    thread_local! {
        static RANDOM: RefCell<ChaCha8Rng> = RefCell::new(seeded());
    }
    let mut bytes = [0; BYTES];
    RANDOM.with_borrow_mut(|random| random.fill_bytes(&mut bytes));
    let mut id = String::with_capacity(prefix.len() + 2 * BYTES);
    id.push_str(prefix);
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or('0');
    id.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    id
}

fn seeded() -> ChaCha8Rng {
    let mut seed = [0; 32];
    // Ids that repeat are worth less, but no reason to fail a request.
    let _ = getrandom::fill(&mut seed);
    ChaCha8Rng::from_seed(seed)
}

fn is_sound(id: &str) -> bool {
    (1..=MAX_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_id_is_kept_if_it_can_do_no_harm() {
        for (given, kept) in [
            ("req-1.a_B", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            (&"x".repeat(129), false),
            (&"x".repeat(128), true),
        ] {
            let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_str(given).unwrap())]);
            let id = RequestId::from_headers(&headers);
            assert_eq!(id.as_str() == given, kept, "{given}");
            assert!(is_sound(id.as_str()));
        }
        assert_ne!(RequestId::new(), RequestId::new());
        let other = std::thread::spawn(RequestId::new).join().unwrap();
        assert_ne!(RequestId::new(), other);
        assert_eq!(fresh_id::<3>("a-").len(), 8);
    }
}

//! A request's id, by which client, log and operator speak of the same thing.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

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
        let mut bytes = [0u8; 12];
        // An id that repeats is worth less, but no reason to fail a request.
        let _ = getrandom::fill(&mut bytes);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        Self(format!("req_{hex}"))
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
    }
}

//! The key of a request that may come again (draft-ietf-httpapi-idempotency-key-header).

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::facts::{Idempotency, Written};
use crate::http::{Identity, Problem};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that an answer is that of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_KEY_BYTES: usize = 255;

/// The digest of a request, begun with what its head says.
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(super) fn of(parts: &Parts) -> Self {
        let mut digest = Sha256::new();
        for part in [parts.method.as_str(), parts.uri.path(), parts.uri.query().unwrap_or_default()]
        {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Self(digest)
    }

    pub(super) fn add(&mut self, body: &[u8]) {
        self.0.update(body);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// A key and the one who sends it: two devices' keys are not the same one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// The request's key, where it has one; refused where it cannot be one.
    pub(super) fn of(parts: &Parts) -> Result<Option<Self>, Problem> {
        let Some(key) = read(&parts.headers)? else { return Ok(None) };
        let who = parts.extensions.get::<Option<Identity>>().and_then(Option::as_ref);
        let who = who.map_or("", |identity| identity.token_id.as_str());
        Ok(Some(Self(format!("{who}:{key}"))))
    }

    /// The key together with the request that it stands for.
    pub(super) fn with(self, fingerprint: Fingerprint) -> Idempotency {
        Idempotency { key: self.0, digest: fingerprint.finish() }
    }
}

fn read(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    // The draft has it in quotes; most clients send it without.
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let sound = (1..=MAX_KEY_BYTES).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
        && values.next().is_none();
    if sound {
        return Ok(Some(key.to_owned()));
    }
    let message = format!(
        "the header Idempotency-Key is to be there once, with 1 to {MAX_KEY_BYTES} visible \
         characters of ASCII"
    );
    Err(Problem::invalid(message).param("Idempotency-Key").code("invalid_value"))
}

/// Marks an answer that was given before.
pub(super) fn mark(headers: &mut HeaderMap, written: &Written) {
    if written.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_and_without_quotes() {
        let long = "x".repeat(256);
        for (values, key) in [
            (&[][..], Ok(None)),
            (&["order-7"], Ok(Some("order-7"))),
            (&["\"order-7\""], Ok(Some("order-7"))),
            (&[""], Err(())),
            (&["\"\""], Err(())),
            (&["two words"], Err(())),
            (&["a\"b"], Err(())),
            (&[long.as_str()], Err(())),
            (&["one", "two"], Err(())),
        ] {
            let values = values.iter().map(|value| (KEY, HeaderValue::from_str(value).unwrap()));
            let mut headers = HeaderMap::new();
            for (name, value) in values {
                headers.append(name, value);
            }
            let found = read(&headers).map_err(|problem| assert_eq!(problem.status(), 400));
            assert_eq!(found, key.map(|key| key.map(str::to_owned)), "{headers:?}");
        }
    }
}

//! Which package is asked, and which one answered.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use super::shelf::Wanted;

/// Names one request, so that a client may send it again; with the standard's draft.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The package that answered.
const MODEL: HeaderName = HeaderName::from_static("x-endcap-model");

/// A request for a model. Where an alias has several packages, a request that is sent again under
/// its idempotency key gets the same one, as do all of one user without such a key.
pub(super) fn wanted<'a>(
    name: &'a str,
    headers: &'a HeaderMap,
    user: Option<&'a str>,
) -> Wanted<'a> {
    let key = headers.get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok());
    Wanted { name, key: key.or(user) }
}

/// Says in the response's head which package answered.
pub(super) fn by(mut response: Response, package: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(package) {
        response.headers_mut().insert(MODEL, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_sent_again_counts_more_than_who_sends_it() {
        let mut headers = HeaderMap::new();
        assert_eq!(wanted("m", &headers, None).key, None);
        assert_eq!(wanted("m", &headers, Some("kiosk 4")).key, Some("kiosk 4"));
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("order 7"));
        assert_eq!(wanted("m", &headers, Some("kiosk 4")).key, Some("order 7"));
    }
}

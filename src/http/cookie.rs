//! A paired browser's token: in a cookie that no script reads, and that counts for pages of this server only.

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The cookie's name.
const NAME: &str = "endcap_device";
/// Browsers keep none for longer than 400 days; each pairing begins anew.
const MAX_AGE_S: u32 = 400 * 24 * 3600;
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The token that a browser shows; none where it shows several, as one of them was planted then.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(name, _)| name.trim() == NAME).map(|(_, value)| value.trim());
    match (found.next(), found.next()) {
        (Some(token), None) if !token.is_empty() => Some(token),
        _ => None,
    }
}

/// Whether a page of this server asks. Browsers say so themselves where the page came over TLS or from the
/// same machine; older ones and plain pages name their origin when they send something.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key(&FETCH_SITE) {
        return text(&FETCH_SITE) == Some("same-origin");
    }
    let authority = text(&ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    authority.is_some_and(|authority| text(&HOST) == Some(authority))
}

/// Whether a browser says nothing of the page that asks.
pub(super) fn is_untold(headers: &HeaderMap) -> bool {
    !headers.contains_key(&FETCH_SITE) && !headers.contains_key(ORIGIN)
}

/// The header that hands a browser its token. Where the page came over TLS it goes back over TLS only.
pub fn device_cookie(token: &str, headers: &HeaderMap) -> Option<HeaderValue> {
    HeaderValue::from_str(&written(token, MAX_AGE_S, headers)).ok()
}

/// The header that takes it away again.
pub fn no_device_cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    HeaderValue::from_str(&written("", 0, headers)).ok()
}

fn written(token: &str, max_age_s: u32, headers: &HeaderMap) -> String {
    let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok());
    let secure =
        if origin.is_some_and(|origin| origin.starts_with("https://")) { "; Secure" } else { "" };
    format!("{NAME}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_reads_the_cookie_and_no_other_site_sends_it() {
        let plain = HeaderMap::new();
        let tls = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("https://box.local"))]);
        for (headers, secure) in [(&plain, false), (&tls, true)] {
            let text = device_cookie("ec_x", headers).unwrap().to_str().unwrap().to_owned();
            assert!(text.starts_with("endcap_device=ec_x; Path=/;"), "{text}");
            assert!(text.contains("; HttpOnly; SameSite=Strict"), "{text}");
            assert_eq!(text.contains("; Secure"), secure, "{text}");
        }
        let gone = no_device_cookie(&plain).unwrap();
        assert!(gone.to_str().unwrap().starts_with("endcap_device=; Path=/; Max-Age=0;"));
    }
}

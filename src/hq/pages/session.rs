//! Who looks: sessions in memory, by a cookie that is no token.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use crate::hq::acts::Actor;
use crate::hq::error::HqError;
use crate::hq::service::Hq;
use crate::hq::users::{digest, token};

const NAME: &str = "endcap_hq";
/// How long a session holds.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Sessions at one time; the one that ends first makes room.
const MAX_SESSIONS: usize = 256;

/// Sessions: digest of the cookie to digest of the user's token and the end.
#[derive(Debug, Default)]
pub(in crate::hq) struct Sessions(Mutex<BTreeMap<String, (String, Instant)>>);

impl Sessions {
    /// Begins a session for whoever has this token; gives the cookie's header.
    pub(super) async fn begin(
        &self,
        hq: &Hq,
        shown: &str,
        secure: bool,
    ) -> Result<Option<String>, HqError> {
        if hq.actor(shown).await?.is_none() {
            return Ok(None);
        }
        let cookie = token("ses")?;
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        sessions.retain(|_, (_, end)| *end > now);
        if sessions.len() >= MAX_SESSIONS {
            let first =
                sessions.iter().min_by_key(|(_, (_, end))| *end).map(|(key, _)| key.clone());
            first.map(|key| sessions.remove(&key));
        }
        sessions.insert(digest(&cookie), (digest(shown), now + LIFE));
        Ok(Some(header(&cookie, LIFE.as_secs(), secure)))
    }

    /// Who looks, if the session holds and the user was not revoked since.
    pub(super) async fn actor(
        &self,
        hq: &Hq,
        headers: &HeaderMap,
    ) -> Result<Option<Actor>, HqError> {
        let Some(cookie) = cookie_of(headers) else { return Ok(None) };
        let user = {
            let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(&digest(cookie)).filter(|(_, end)| *end > Instant::now()).cloned()
        };
        match user {
            Some((user, _)) => hq.actor_of_digest(&user).await,
            None => Ok(None),
        }
    }

    /// Ends a session; gives the header that removes its cookie.
    pub(super) fn end(&self, headers: &HeaderMap, secure: bool) -> String {
        if let Some(cookie) = cookie_of(headers) {
            let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.remove(&digest(cookie));
        }
        header("", 0, secure)
    }
}

fn header(cookie: &str, life_s: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{NAME}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life_s}{secure}")
}

fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(name, _)| *name == NAME).map(|(_, value)| value)
}

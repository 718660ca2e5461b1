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

/// Sessions by the digest of their cookie.
#[derive(Debug, Default)]
pub(in crate::hq) struct Sessions(Mutex<BTreeMap<String, Session>>);

/// Somebody who came in.
#[derive(Debug, Clone)]
struct Session {
    /// Digest of the user's token.
    user: String,
    /// What every form of this session shows, so that no other site's form can act for the user.
    form: String,
    end: Instant,
}

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
        let (cookie, form) = (token("ses")?, token("frm")?);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        sessions.retain(|_, session| session.end > now);
        if sessions.len() >= MAX_SESSIONS {
            let first =
                sessions.iter().min_by_key(|(_, session)| session.end).map(|(key, _)| key.clone());
            first.map(|key| sessions.remove(&key));
        }
        let session = Session { user: digest(shown), form, end: now + LIFE };
        sessions.insert(digest(&cookie), session);
        Ok(Some(header(&cookie, LIFE.as_secs(), secure)))
    }

    /// Who looks, if the session holds and the user was not revoked since.
    pub(super) async fn actor(
        &self,
        hq: &Hq,
        headers: &HeaderMap,
    ) -> Result<Option<Actor>, HqError> {
        match self.session(headers) {
            Some(session) => hq.actor_of_digest(&session.user).await,
            None => Ok(None),
        }
    }

    /// What the forms of whoever looks must show; none without a session.
    pub(super) fn form(&self, headers: &HeaderMap) -> Option<String> {
        self.session(headers).map(|session| session.form)
    }

    /// Whether a form that came is one of this session's own. Compared by digest, so that nothing shows
    /// in the time that it takes.
    pub(super) fn is_own(&self, headers: &HeaderMap, shown: &str) -> bool {
        self.form(headers).is_some_and(|form| digest(&form) == digest(shown))
    }

    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let cookie = cookie_of(headers)?;
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&digest(cookie)).filter(|session| session.end > Instant::now()).cloned()
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

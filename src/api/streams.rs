//! How many feeds one device may follow at once, and when a feed ends by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::{Duration, Instant, sleep_until};

use super::feed::LOOK_PERIOD;
use super::service::Service;
use crate::http::{Identity, Kind, Problem, Stage};

/// Feeds of one device. A page has one or two, and a browser six connections.
const OF_A_DEVICE: usize = 8;
/// Feeds of one token that is no device's: a program's, which may serve many screens.
const OF_A_PROGRAM: usize = 128;
/// When to come back.
const WAIT: Duration = Duration::from_secs(5);

/// Feeds that are followed, by the id of who follows.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<Mutex<BTreeMap<String, usize>>>);

/// One feed that is followed, as long as it is held.
#[derive(Debug)]
pub(super) struct Followed {
    streams: Streams,
    token: String,
}

impl Streams {
    /// One more, where that is not too many.
    pub(super) fn follow(&self, who: Option<&Identity>) -> Result<Followed, Problem> {
        let who = who.ok_or_else(|| Problem::internal("nobody asks"))?;
        let most = if who.device.is_some() { OF_A_DEVICE } else { OF_A_PROGRAM };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(who.token_id.clone()).or_default();
        if *count >= most {
            let message = format!(
                "this device follows {count} feeds, which is the limit; one has to end before another \
                 begins"
            );
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                Kind::OverloadedError,
                message,
            )
            .code("too_many_feeds")
            .retry_after(WAIT));
        }
        *count += 1;
        Ok(Followed { streams: self.clone(), token: who.token_id.clone() })
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let mut all = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.token);
            }
        }
    }
}

/// A feed that ends when the server is about to stop, the token of who follows is revoked, or a request's
/// time is over; whoever follows comes back then.
pub(super) fn while_wanted<T: Send + 'static>(
    service: Arc<Service>,
    followed: Followed,
    events: impl Stream<Item = T> + Send + Unpin + 'static,
) -> impl Stream<Item = T> + Send + 'static {
    let deadline = Instant::now() + service.request_timeout;
    unfold((service, followed, events), move |(service, followed, mut events)| async move {
        loop {
            let draining = service.health.stage() == Stage::Draining;
            let counts = service.tokens.holds(&followed.token);
            if draining || !counts || Instant::now() >= deadline {
                return None;
            }
            let look = deadline.min(Instant::now() + LOOK_PERIOD);
            tokio::select! {
                event = futures_util::StreamExt::next(&mut events) => {
                    return Some((event?, (service, followed, events)));
                }
                () = sleep_until(look) => {}
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Device, Role};

    fn who(token: &str, is_device: bool) -> Identity {
        let device = Device { name: "by the door".into(), class: "kiosk".into(), zone: None };
        let device = is_device.then_some(device);
        Identity { token_id: token.to_owned(), role: Role::Client, device }
    }

    #[test]
    fn a_device_follows_so_many_feeds_and_takes_none_from_another() {
        let streams = Streams::default();
        let (one, other) = (who("tok_1", true), who("tok_2", true));
        let mut held: Vec<_> =
            (0..OF_A_DEVICE).map(|_| streams.follow(Some(&one)).unwrap()).collect();
        let refused = streams.follow(Some(&one)).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(streams.follow(Some(&other)).is_ok());
        held.pop();
        assert!(streams.follow(Some(&one)).is_ok(), "room comes back");
        let program = who("tok_3", false);
        let many: Result<Vec<_>, _> =
            (0..OF_A_DEVICE + 1).map(|_| streams.follow(Some(&program))).collect();
        assert!(many.is_ok());
        drop((held, many));
        assert!(streams.0.lock().unwrap().is_empty(), "nothing is kept of who is gone");
    }
}

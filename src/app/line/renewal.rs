//! The next certificate, in time and by itself.

use std::sync::Arc;
use std::time::Duration;

use super::door::{Door, asking};
use super::identity::{Identity, IdentityError};
use super::notes::Notes;
use crate::identity::{self, Lifetime, make_renewal, write_renewal};
use crate::protocol::{Clock, Digest, Place, UnixMillis};
use crate::reconcile::Timekeeper;
use crate::sync::mqtt::Credentials;
use crate::telemetry::Metrics;

/// How often the certificate is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// The longest pause after the first failure, and of all.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const MAX_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// How often somebody is told that a certificate is near its end.
const WARN_EVERY_MS: u64 = 24 * 3600 * 1000;

/// Renews this box's certificate.
pub(super) struct Renewal {
    pub(super) identity: Identity,
    pub(super) place: Place,
    /// Base address of HQ's API.
    pub(super) hq: Option<String>,
    pub(super) time: Arc<Timekeeper>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) notes: Notes,
}

impl Renewal {
    /// Renews whenever it is due, until the line ends.
    pub(super) async fn run(self) {
        let (mut failures, mut warned) = (0, UnixMillis(0));
        loop {
            let path = self.identity.folder().join(Credentials::CERTIFICATE);
            let read = tokio::task::spawn_blocking(move || Lifetime::read(&path)).await;
            let pause = match read {
                Ok(Ok(Some(life))) => self.look(life, &mut failures, &mut warned).await,
                Ok(Ok(None)) => LOOK_EVERY,
                Ok(Err(error)) => {
                    tracing::error!(%error, "this box's certificate cannot be read");
                    LOOK_EVERY
                }
                Err(_) => return, // The runtime ends.
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks at the certificate, and renews it where it is due; how long to wait then.
    async fn look(&self, life: Lifetime, failures: &mut u32, warned: &mut UnixMillis) -> Duration {
        // A clock that is not known to be right could renew at every look, or never.
        let Clock::Known(now) = self.time.time().0 else { return FIRST_PAUSE };
        self.metrics.line().certificate(life.days_left(now));
        if life.is_near_end(now) && now.since(*warned) >= WARN_EVERY_MS {
            *warned = now;
            let days = life.days_left(now);
            tracing::warn!(days, "this box's certificate is near its end and was not renewed");
        }
        let due = life.renew_at(number_of(&self.place));
        if now < due {
            return LOOK_EVERY
                .min(Duration::from_millis(due.since(now)))
                .max(Duration::from_secs(1));
        }
        match self.renew().await {
            Ok(until) => {
                *failures = 0;
                tracing::info!(until_ms = until.0, "this box's certificate was renewed");
                let until_ms = i64::try_from(until.0).unwrap_or(i64::MAX);
                self.notes.event("certificate.renewed", [("until_ms", until_ms.into())]);
                Duration::from_secs(1)
            }
            Err(error) => {
                tracing::warn!(%error, "this box's certificate could not be renewed");
                let most = FIRST_PAUSE.saturating_mul(1 << (*failures).min(10)).min(MAX_PAUSE);
                *failures += 1;
                let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
                let chance = getrandom::u64().unwrap_or_default();
                Duration::from_millis(1000 + chance % most_ms)
            }
        }
    }

    /// Asks HQ for the next certificate, writes it, and has the line begun anew with it.
    async fn renew(&self) -> Result<UnixMillis, IdentityError> {
        let folder = self.identity.folder().to_owned();
        let prepared = tokio::task::spawn_blocking(move || prepare(&folder)).await;
        let (door, body) = prepared.map_err(|error| asking(&error))??;
        let found = door.post(self.hq.as_deref(), "/hq/v1/renew", body).await?;
        let identity = self.identity.clone();
        let kept = tokio::task::spawn_blocking(move || keep(&identity, &found)).await;
        kept.map_err(|error| asking(&error))?
    }
}

/// Reads what the folder has. Blocks on the disk.
fn prepare(folder: &std::path::Path) -> Result<(Door, String), IdentityError> {
    let door = Door::of(folder)?;
    let key = std::fs::read_to_string(folder.join(Credentials::KEY))
        .map_err(identity::IdentityError::file("reading", &folder.join(Credentials::KEY)))?;
    let body = serde_json::to_string(&make_renewal(&key)?).map_err(|error| asking(&error))?;
    Ok((door, body))
}

/// Writes what HQ answered, and takes up what it says of this box besides. Blocks on the disk.
fn keep(identity: &Identity, found: &identity::Identity) -> Result<UnixMillis, IdentityError> {
    // A certificate that cannot be read must not take the place of one that can.
    let life = Lifetime::parse(&found.certificate)?;
    write_renewal(identity.folder(), found)?;
    let groups = found.groups.iter().filter_map(|name| name.parse().ok()).collect();
    if !identity.change(|enrolment| enrolment.groups = groups)? {
        identity.begin_anew();
    }
    Ok(life.until)
}

/// A number that is always the same for one box.
fn number_of(place: &Place) -> u64 {
    let digest = Digest::of(place.to_string().as_bytes());
    u64::from_be_bytes(digest.0.first_chunk::<8>().copied().unwrap_or_default())
}

#[cfg(test)]
#[cfg(feature = "hq")]
mod tests;

//! Answers that associates put right go to HQ, and so does that they were erased.
//!
//! What a shopper asked lies on this box under the shopper's key alone; it goes to HQ over TLS and waits in
//! no outbox. HQ says how far it has come, so nothing has to be remembered here but what was erased.

use std::path::PathBuf;
use std::time::Duration;

use super::door::{Door, asking};
use super::identity::IdentityError;
use crate::desk::{Desk, Kept};
use crate::protocol::examples::{Example, Sent, Taken};

/// Examples of one request, and numbers of erased ones.
const AT_ONCE: usize = 32;
const ERASED_AT_ONCE: usize = 256;
/// After a failure, and at the most.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Sends them.
pub(super) struct Examples {
    pub(super) desk: Desk,
    /// The folder of the identity.
    pub(super) identity: PathBuf,
    /// Base address of HQ's API.
    pub(super) hq: Option<String>,
}

impl Examples {
    /// Sends what there is whenever there is something new, until it is dropped.
    pub(super) async fn run(self) {
        let mut changed = self.desk.corrected();
        let mut pause = FIRST_PAUSE;
        loop {
            changed.mark_unchanged();
            match self.send().await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    if changed.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "HQ does not have all corrections yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
        }
    }

    /// Sends everything that HQ does not have, and what it is not to have any more.
    async fn send(&self) -> Result<(), IdentityError> {
        if self.is_nothing().await? {
            return Ok(());
        }
        let folder = self.identity.clone();
        let door = tokio::task::spawn_blocking(move || Door::of(&folder)).await;
        let door = door.map_err(|error| asking(&error))??;
        let mut last = None;
        loop {
            let (examples, erased) = self.next(last).await?;
            if examples.is_empty() && erased.is_empty() && last.is_some() {
                return Ok(());
            }
            let sent = Sent {
                origin: format!("{:016x}", self.desk.name()),
                examples: examples.into_iter().map(example).collect(),
                erased: erased.clone(),
            };
            let body = serde_json::to_string(&sent).map_err(|error| asking(&error))?;
            let taken: Taken = door.post(self.hq.as_deref(), "/hq/v1/examples", body).await?;
            self.of_desk(move |desk| desk.erasure_is_told(&erased)).await?;
            last = Some(taken.last);
        }
    }

    /// A box without a correction does not ask HQ.
    async fn is_nothing(&self) -> Result<bool, IdentityError> {
        let (examples, erased) = self.next(Some(0)).await?;
        Ok(examples.is_empty() && erased.is_empty())
    }

    /// What comes behind the last that HQ has; before that is known, only what was erased.
    async fn next(&self, last: Option<u64>) -> Result<(Vec<Kept>, Vec<u64>), IdentityError> {
        self.of_desk(move |desk| {
            let examples = last.map(|last| desk.examples(last, AT_ONCE)).transpose()?;
            Ok((examples.unwrap_or_default(), desk.erased_examples(ERASED_AT_ONCE)?))
        })
        .await
    }

    async fn of_desk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Desk) -> Result<T, crate::desk::DeskError> + Send + 'static,
    ) -> Result<T, IdentityError> {
        let desk = self.desk.clone();
        let done = tokio::task::spawn_blocking(move || work(&desk)).await;
        done.map_err(|error| asking(&error))?.map_err(|error| asking(&error))
    }
}

fn example(kept: Kept) -> Example {
    let Kept { number, example } = kept;
    let crate::desk::Example { question, answered, better, language, cited, by, at } = example;
    Example { number, question, answered, better, language, cited, by, at }
}

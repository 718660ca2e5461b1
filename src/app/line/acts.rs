//! The box's audit log, as the rest of the box writes into it.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::levels;

use crate::api::{Act, ActError, Acts};
use crate::protocol::{Clock, UnixMillis};
use crate::reconcile::Timekeeper;
use crate::state::{StateError, Store};

/// The act by which a device's token is taken away.
const REVOKE: &str = "device.revoke";

/// Where acts are written down. A clone is the same.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) store: Store,
    pub(super) time: Arc<Timekeeper>,
}

impl Log {
    /// The time of an entry: that of the clock, or the least that has certainly passed.
    pub(super) fn now(&self) -> UnixMillis {
        let (Clock::Known(at) | Clock::Unknown { at_least: at }) = self.time.time().0;
        at
    }
}

/// An entry: JSON with when, what, by whom, and to what.
pub(super) fn entry(at: UnixMillis, act: &str, by: &str, about: Map<String, Value>) -> Vec<u8> {
    let mut entry = about;
    for (field, value) in [("at_ms", Value::from(at.0)), ("act", act.into()), ("by", by.into())] {
        entry.insert(field.to_owned(), value);
    }
    Value::Object(entry).to_string().into_bytes()
}

impl Acts for Log {
    fn write(&self, act: Act) -> BoxFuture<'_, Result<(), ActError>> {
        let log = self.clone();
        let write = move || {
            let now = log.now();
            let token = act.about.get("token").and_then(Value::as_str).map(str::to_owned);
            let revoked = token.filter(|_| act.name == REVOKE);
            let entry = entry(now, act.name, &act.by, act.about);
            log.store.write(|writing| {
                writing.audit(now, &entry)?;
                // Who takes a token away is told here; that it is gone needs not be told again.
                match revoked {
                    Some(token) => levels::told_gone(writing, &token),
                    None => Ok(()),
                }
            })
        };
        async {
            let written = tokio::task::spawn_blocking(write).await;
            let written = written.map_err(|error| ActError::Failed(error.to_string()))?;
            written.map_err(|error| match error {
                StateError::Full { .. } => ActError::Full,
                error => ActError::Failed(error.to_string()),
            })
        }
        .boxed()
    }
}

//! Commands that HQ gave, each done once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::ReconcileError;
use super::surroundings::Surroundings;
use crate::protocol::{Command, CommandState, Fields, Keys, MessageId, Outcome, Value};
use crate::state::{Recorded, Store};

/// Cancels a bundle: `version` says which.
pub const CANCEL_BUNDLE: &str = "bundle.cancel";

/// What came of a command: what there is to say, or why it failed.
pub type Done = Result<Fields, String>;

/// Does commands that this room does not know; the composition root joins the rooms that do.
pub trait Hands: Send + Sync {
    /// Does it; `None` where it is not known.
    fn carry_out<'a>(
        &'a self,
        name: &'a str,
        arguments: &'a Fields,
    ) -> Option<Pin<Box<dyn Future<Output = Done> + Send + 'a>>>;
}

/// Does recorded commands one after the other.
pub struct CommandTask {
    store: Store,
    keys: Keys,
    around: Surroundings,
    hands: Arc<dyn Hands>,
    cancels: mpsc::Sender<u64>,
}

impl CommandTask {
    /// A task whose cancels go to the bundles' loop.
    #[must_use]
    pub fn new(
        store: Store,
        keys: Keys,
        around: Surroundings,
        hands: Arc<dyn Hands>,
        cancels: mpsc::Sender<u64>,
    ) -> Self {
        Self { store, keys, around, hands, cancels }
    }

    /// Runs until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut commits = self.store.commits();
        if let Err(error) = self.end_interrupted() {
            tracing::error!(%error, "commands of the last run cannot be ended");
        }
        loop {
            commits.mark_unchanged();
            if let Err(error) = self.do_all(&stop).await {
                tracing::error!(%error, "commands cannot be done");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = commits.changed() => if changed.is_err() { return },
            }
        }
    }

    /// What was under way when the program ended may be half done: it is not done again.
    fn end_interrupted(&self) -> Result<(), ReconcileError> {
        for Recorded { state, .. } in self.store.commands()? {
            if let Some(state) = state.filter(|state| state.outcome == Outcome::Running) {
                self.tell(state.id, Outcome::Failed, "the program ended while it was done")?;
            }
        }
        Ok(())
    }

    async fn do_all(&self, stop: &CancellationToken) -> Result<(), ReconcileError> {
        for Recorded { command: signed, state } in self.store.commands()? {
            if state.is_some() || stop.is_cancelled() {
                continue;
            }
            match self.keys.verify(&signed, self.around.at_least()) {
                Ok(command) => self.carry_out(&command).await?,
                Err(error) => {
                    if let Ok(command) = signed.unverified() {
                        self.tell(command.id, Outcome::Refused, &error.to_string())?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn carry_out(&self, command: &Command) -> Result<(), ReconcileError> {
        if self.around.at_least() >= command.expires {
            return self.tell(command.id, Outcome::Expired, "its time was over");
        }
        let (name, arguments) = (command.name.as_str(), &command.arguments);
        if name == CANCEL_BUNDLE {
            let Some(Value::Number(version)) = arguments.get("version") else {
                return self.tell(command.id, Outcome::Refused, "`version` is missing");
            };
            let version = u64::try_from(*version).unwrap_or(0);
            // It is idempotent: where the power fails in between, it is sent again.
            return match self.cancels.send(version).await {
                Ok(()) => self.tell(command.id, Outcome::Done, ""),
                Err(_) => self.tell(command.id, Outcome::Failed, "bundles are not looked after"),
            };
        }
        let Some(work) = self.hands.carry_out(name, arguments) else {
            return self.tell(command.id, Outcome::Refused, "this command is not known here");
        };
        self.tell(command.id, Outcome::Running, "")?;
        match work.await {
            Ok(details) => self.note(command.id, Outcome::Done, details),
            Err(why) => self.tell(command.id, Outcome::Failed, &why),
        }
    }

    fn tell(&self, id: MessageId, outcome: Outcome, why: &str) -> Result<(), ReconcileError> {
        let mut fields = std::collections::BTreeMap::new();
        if !why.is_empty() {
            fields.insert("reason".parse()?, Value::from(why));
        }
        self.note(id, outcome, Fields::new(fields)?)
    }

    fn note(&self, id: MessageId, outcome: Outcome, details: Fields) -> Result<(), ReconcileError> {
        let state = CommandState { id, outcome, at: self.around.at_least(), details };
        self.store.write(|writing| Ok(writing.set_outcome(&state).map(drop)?))
    }
}

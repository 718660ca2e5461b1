//! Who this box is and whom it believes, while the line runs: renewed, and followed where HQ changes it.
//!
//! The identity folder is the truth. What is to be otherwise is written there first; then keys and
//! catalogues are handed to those who use them, and the line is begun anew with what the folder says.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::protocol::{
    Applied, Clock, Contents, Document, Failure, Keys, Label, Pointer, Reported, Stage, Text,
};
use crate::reconcile::Timekeeper;
use crate::state::{StateError, Store};
use crate::sync::mqtt::Status;
use crate::sync::{Enrolment, KeysDoc, LineError, Resolved};

/// The identity of a box. A clone is the same.
#[derive(Clone)]
pub(super) struct Identity {
    folder: PathBuf,
    keys: Keys,
    catalogues: watch::Sender<Vec<Label>>,
    /// How often the line has to be begun anew.
    changes: watch::Sender<u64>,
    /// Held while the folder is changed.
    changing: Arc<Mutex<()>>,
}

/// Why the identity could not be changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdentityError {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Kept(#[from] crate::identity::IdentityError),
    #[error("asking HQ for the next certificate: {0}")]
    Asking(String),
}

impl Identity {
    /// The identity that the line was begun with.
    pub(super) fn new(folder: &Path, resolved: &Resolved) -> Self {
        let (catalogues, _) = watch::channel(resolved.trust.catalogues.clone());
        let (changes, _) = watch::channel(0);
        let (folder, keys) = (folder.to_owned(), resolved.trust.keys.clone());
        Self { folder, keys, catalogues, changes, changing: Arc::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The catalogues that are followed.
    pub(super) fn catalogues(&self) -> watch::Receiver<Vec<Label>> {
        self.catalogues.subscribe()
    }

    /// Counts how often the line has to be begun anew.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Has everybody who knows this identity believe its keys.
    pub(super) fn share_keys(&self, resolved: &mut Resolved) {
        self.keys.replace(resolved.trust.keys.now());
        resolved.trust.keys = self.keys.clone();
    }

    /// Has the line begun anew, as after another certificate was written.
    pub(super) fn begin_anew(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Changes the enrolment; whether it was otherwise before. What the folder says then is believed
    /// and followed from now on. Blocks on the disk.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut Enrolment),
    ) -> Result<bool, IdentityError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = Enrolment::read(&self.folder)? else { return Ok(false) };
        let mut enrolment = before.clone();
        change(&mut enrolment);
        if enrolment == before {
            return Ok(false);
        }
        let trust = enrolment.trust()?;
        enrolment.write(&self.folder)?;
        self.keys.replace(trust.keys.now());
        self.catalogues.send_replace(trust.catalogues);
        self.begin_anew();
        Ok(true)
    }

    /// Follows what HQ says of this box's keys and catalogues, until the line ends.
    pub(super) async fn follow(
        self,
        store: Store,
        time: Arc<Timekeeper>,
        mut status: watch::Receiver<Status>,
    ) {
        let mut commits = store.commits();
        loop {
            commits.mark_unchanged();
            let offered = status.borrow_and_update().offered.clone();
            let (this, store, clock) = (self.clone(), store.clone(), time.time().0);
            let look = tokio::task::spawn_blocking(move || {
                this.take_up(offered)?;
                this.take_keys(&store, clock)
            });
            match look.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the identity does not follow HQ"),
                Err(_) => return, // The runtime ends.
            }
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { return },
                changed = status.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Follows catalogues that HQ has for this box's tenant.
    fn take_up(&self, offered: impl IntoIterator<Item = Label>) -> Result<(), IdentityError> {
        let known = self.catalogues.borrow().clone();
        let new: Vec<Label> = offered.into_iter().filter(|name| !known.contains(name)).collect();
        if !new.is_empty() && self.change(|enrolment| enrolment.catalogues.extend(new.clone()))? {
            tracing::info!(catalogues = ?new, "more catalogues of facts are followed");
        }
        Ok(())
    }

    /// Believes the keys of HQ's newest document, if a key that is believed now has signed it.
    pub(super) fn take_keys(&self, store: &Store, clock: Clock) -> Result<(), IdentityError> {
        let Some(signed) = store.desired(Document::Keys)? else { return Ok(()) };
        let reported = store.reported()?;
        let known = reported.iter().find(|reported| reported.document == Document::Keys);
        let wanted = signed.unverified().map(|pointer| pointer.version).unwrap_or_default();
        if known.is_some_and(|known| known.desired.is_some_and(|seen| seen >= wanted)) {
            return Ok(());
        }
        let (Clock::Known(at) | Clock::Unknown { at_least: at }) = clock;
        let Ok(pointer) = self.keys.verify(&signed, at) else {
            tracing::warn!("a keys document that no key of before has signed is left aside");
            return Ok(());
        };
        let taken = document(&pointer)
            .and_then(|document| self.change(|enrolment| enrolment.keys = document.keys));
        let digest = pointer.digest;
        let applied = Applied { version: pointer.version, digest };
        let failure = match &taken {
            Ok(_) => None,
            Err(error) => Some(Failure {
                code: "document".parse().map_err(StateError::from)?,
                text: Text::cut(&error.to_string()),
            }),
        };
        let before = known.and_then(|known| known.applied);
        store.write(|writing| {
            writing.report(&Reported {
                document: Document::Keys,
                desired: Some(pointer.version),
                stage: if taken.is_ok() { Stage::Committed } else { Stage::Refused },
                applied: if taken.is_ok() { Some(applied) } else { before },
                observed: taken.is_ok().then_some(digest),
                at,
                failure,
                local: None,
            })
        })?;
        match taken {
            Ok(_) => tracing::info!(version = pointer.version, "other keys of HQ are believed"),
            Err(error) => tracing::error!(%error, "HQ's keys document was refused"),
        }
        Ok(())
    }
}

fn document(pointer: &Pointer) -> Result<KeysDoc, IdentityError> {
    let bytes = match &pointer.contents {
        Contents::Inline(bytes) => bytes,
        Contents::Path(_) => {
            let why = "it is not carried by its pointer".to_owned();
            return Err(LineError::Keys(why).into());
        }
    };
    Ok(KeysDoc::parse(bytes)?)
}

#[cfg(test)]
#[cfg(feature = "hq")]
mod tests;

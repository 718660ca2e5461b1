//! Doing what the machine wants.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::files::Files;
use super::machine::{Input, Trouble, Want};
use super::record::Offer;
use super::stage::Stage;
use super::view::Lack;
use crate::protocol::documents::Bundle;
use crate::protocol::{Contents, Digest, limits};
use crate::reconcile::fetch::{FetchError, Fetcher, Hold, off_the_threads};
use crate::reconcile::surroundings::Surroundings;

/// What the work is done with.
pub(super) struct Tools {
    pub(super) fetcher: Fetcher,
    pub(super) files: Files,
    pub(super) stage: Arc<dyn Stage>,
    pub(super) around: Surroundings,
    pub(super) cancel: CancellationToken,
}

/// What came of it, and what was found running, where that was looked at.
pub(super) struct Done {
    pub(super) input: Input,
    pub(super) running: Option<Option<Digest>>,
}

impl From<Input> for Done {
    fn from(input: Input) -> Self {
        Self { input, running: None }
    }
}

impl Done {
    /// Whether the same is to be tried again, though not at once.
    pub(super) fn failed(&self) -> bool {
        match &self.input {
            Input::Document(Err(_)) | Input::Fetched(Err(_)) => true,
            Input::Arranged(_, result) => result.is_err(),
            Input::Running(found) => found.is_err(),
            _ => false,
        }
    }
}

impl Tools {
    /// Does it. Dropped before it is done, it may be done again.
    pub(super) async fn carry_out(
        self: Arc<Self>,
        want: Want,
        bundle: Option<Arc<Bundle>>,
    ) -> Done {
        match want {
            Want::Nothing => Input::Tick.into(),
            Want::Document(offer) => Input::Document(self.document(&offer).await).into(),
            Want::Fetch(offer, bundle) => {
                let fetched = self.fetch(&offer, bundle).await;
                Input::Fetched(fetched.map_err(trouble)).into()
            }
            Want::Arrange(arrangement) => {
                let result = self.stage.arrange(&arrangement).await;
                let running = self.stage.running().await.ok();
                Done { input: Input::Arranged(arrangement, result), running }
            }
            Want::Check(digest, bundle) => Input::Checked(self.check(digest, &bundle).await).into(),
            Want::Attest => {
                let found = self.stage.running().await;
                let running = found.clone().ok();
                Done { input: Input::Running(found), running }
            }
            Want::Tidy(wanted) => self.tidy(wanted, bundle).await.into(),
        }
    }

    async fn document_bytes(&self, offer: &Offer) -> Result<Vec<u8>, FetchError> {
        if let Contents::Inline(bytes) = &offer.contents {
            return Ok(bytes.to_vec());
        }
        let (files, digest) = (self.files.clone(), offer.digest);
        if let Some(bytes) = off_the_threads(move || files.document(digest)).await? {
            return Ok(bytes);
        }
        self.fetcher.document(digest, limits::MAX_DOCUMENT_BYTES, &self.cancel).await
    }

    async fn document(&self, offer: &Offer) -> Result<Arc<Bundle>, Trouble> {
        let bytes = self.document_bytes(offer).await.map_err(trouble)?;
        let parsed = Bundle::parse(&bytes).map(Arc::new);
        parsed.map_err(|error| Trouble::Ends { code: "document", text: error.to_string() })
    }

    async fn fetch(&self, offer: &Offer, bundle: Arc<Bundle>) -> Result<(), FetchError> {
        let digest = offer.digest;
        let (files, wanted) = (self.files.clone(), Arc::clone(&bundle));
        if off_the_threads(move || files.is_sound(digest, &wanted)).await? {
            return Ok(());
        }
        let document = self.document_bytes(offer).await?;
        for (_, file) in bundle.files() {
            self.fetcher.file(&file.artefact, &*self.around.gate, &self.cancel).await?;
        }
        let (files, fetcher) = (self.files.clone(), self.fetcher.clone());
        off_the_threads(move || {
            files.place(digest, &document, &bundle, &fetcher)?;
            // They have another name now.
            bundle.files().try_for_each(|(_, file)| fetcher.forget(file.artefact.digest))
        })
        .await
    }

    async fn check(&self, digest: Digest, bundle: &Bundle) -> Result<(), String> {
        let of = bundle.trial.checks.len();
        for (number, check) in (1..).zip(bundle.trial.checks.iter()) {
            let answer = self.stage.answer(digest, check).await;
            let answer = answer.map_err(|error| format!("check {number} of {of}: {error}"))?;
            if !check.passes(&answer) {
                return Err(format!("check {number} of {of} was answered wrongly"));
            }
        }
        Ok(())
    }

    async fn tidy(&self, wanted: Vec<Digest>, bundle: Option<Arc<Bundle>>) -> Input {
        let (files, fetcher) = (self.files.clone(), self.fetcher.clone());
        let kept = wanted.clone();
        let tidied = off_the_threads(move || {
            files.keep_only(&wanted)?;
            let files = bundle.iter().flat_map(|bundle| bundle.files());
            let artefacts = files.map(|(_, file)| file.artefact.digest);
            let parts: BTreeSet<Digest> = wanted.iter().copied().chain(artefacts).collect();
            fetcher.keep_only(&parts)
        });
        if let Err(error) = tidied.await {
            tracing::warn!(%error, "old bundles were not removed; they will be later");
        }
        if let Err(error) = self.stage.tidy(&kept).await {
            tracing::warn!(%error, "what was made of old bundles stays until later");
        }
        Input::Tidied
    }
}

fn trouble(error: FetchError) -> Trouble {
    match error {
        FetchError::Held(Hold::Hours) => Trouble::Waits(Lack::Hours),
        FetchError::Held(Hold::Clock) => Trouble::Waits(Lack::Clock),
        FetchError::Held(Hold::Budget { .. }) => Trouble::Waits(Lack::Budget),
        FetchError::NoSpace { needed_bytes, free_bytes } => {
            Trouble::Waits(Lack::Space { needed_bytes, free_bytes })
        }
        error if error.may_pass() => Trouble::Later(error.to_string()),
        error => Trouble::Ends { code: error.code(), text: error.to_string() },
    }
}

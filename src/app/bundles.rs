//! Bundles at work: a model of a bundle is a package of the shelf whose name tells which bundle.
//!
//! The bundle that answers has the bundle's alias. The alias and the packages are on the disk, and
//! what they are made of lies in the bundle's folder: a bundle whose folder is gone loses its
//! packages, too.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::api::Served;
use crate::api::shelf::{Alias, Share, Shelf};
use crate::engine::{Request, Sampling, Scope, TokenId};
use crate::packages::Store;
use crate::protocol::Digest;
use crate::protocol::documents::{Bundle, Check, Part, PartKind};
use crate::reconcile::bundle::{Arrangement, Figures, Files, Health, Stage, StageError};
use crate::skills::chat::{Message, Role};
use crate::telemetry::{Metrics, ModelFigures};

/// Digits of a bundle's digest in the names of its packages.
const DIGITS: usize = 12;
/// Stands before them.
const MARK: &str = ".b-";

/// Bundles on the shelf.
pub(super) struct Bundles {
    files: Files,
    packages: Store,
    shelf: Arc<dyn Shelf>,
    metrics: Arc<Metrics>,
    seen: Mutex<Seen>,
}

/// What was counted of the models when the arrangement came to be.
#[derive(Debug, Clone, Default)]
struct Seen {
    arrangement: Arrangement,
    live: Option<(String, ModelFigures)>,
    beside: Option<(String, ModelFigures)>,
}

fn failed(error: impl std::fmt::Display) -> StageError {
    StageError(error.to_string())
}

/// The name of a part's package.
fn package_name(part: &Part, bundle: Digest) -> String {
    let digits = bundle.to_string();
    let digits = digits.get(..DIGITS).unwrap_or(&digits);
    let room = 64 - MARK.len() - DIGITS;
    let name: String = part.name.as_str().to_lowercase().chars().take(room).collect();
    format!("{name}{MARK}{digits}")
}

/// The digits of the bundle that a package belongs to.
fn digits_of(package: &str) -> Option<&str> {
    package.rsplit_once(MARK).map(|(_, digits)| digits).filter(|digits| digits.len() == DIGITS)
}

impl Bundles {
    /// Bundles of these files as packages of this shelf.
    pub(super) fn new(
        files: Files,
        packages: Store,
        shelf: Arc<dyn Shelf>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { files, packages, shelf, metrics, seen: Mutex::default() }
    }

    async fn bundle(&self, digest: Digest) -> Result<Bundle, StageError> {
        let files = self.files.clone();
        let document = blocking(move || files.document(digest).map_err(failed)).await?;
        let document =
            document.ok_or_else(|| failed(format!("bundle {digest} has no document")))?;
        Bundle::parse(&document).map_err(failed)
    }

    /// Brings a bundle's models into memory, and tells the name of the first.
    async fn bring(&self, digest: Digest, bundle: &Bundle) -> Result<String, StageError> {
        let mut first = None;
        for part in bundle.parts.iter().filter(|part| part.kind == PartKind::Model) {
            let name = package_name(part, digest);
            let (packages, folder) = (self.packages.clone(), self.files.part(digest, part));
            let adopted = name.clone();
            blocking(move || packages.adopt(&folder, &adopted).map(drop).map_err(failed)).await?;
            self.shelf.load(&name).await.map_err(failed)?;
            first.get_or_insert(name);
        }
        first.ok_or_else(|| failed("the bundle has no model"))
    }

    /// Lets new requests for the alias go to a package; those in flight end where they are.
    async fn point(&self, alias: &str, package: &str) -> Result<(), StageError> {
        let share = Share { package: package.to_owned(), weight: 1 };
        let there = |known: &Alias| known.name == alias && known.shares == [share.clone()];
        if !self.shelf.aliases().iter().any(there) {
            self.shelf.set_alias(alias, vec![share]).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Takes back aliases of bundles, all but one.
    async fn unpoint(&self, but: Option<&str>) -> Result<(), StageError> {
        for alias in self.shelf.aliases() {
            let ours = alias.shares.iter().any(|share| digits_of(&share.package).is_some());
            if ours && alias.set_here && Some(alias.name.as_str()) != but {
                self.shelf.set_alias(&alias.name, Vec::new()).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Lets go of the packages of other bundles, and removes those whose bundle is gone.
    async fn let_go(&self, kept: &[&Digest]) {
        for shelved in self.shelf.list() {
            let Some(digits) = digits_of(&shelved.name) else { continue };
            if kept.iter().any(|digest| digest.to_string().starts_with(digits)) {
                continue;
            }
            if let Err(error) = self.shelf.unload(&shelved.name).await {
                tracing::warn!(model = shelved.name, %error, "a bundle's model stays in memory");
                continue;
            }
            if !self.files.holds(digits) {
                let (packages, name) = (self.packages.clone(), shelved.name.clone());
                let removed = blocking(move || packages.remove(&name).map_err(failed)).await;
                if let Err(error) = removed {
                    tracing::warn!(model = shelved.name, %error, "a bundle's model stays on the disk");
                }
            }
        }
    }

    async fn make(&self, wanted: Arrangement) -> Result<(), StageError> {
        let mut beside = None;
        if let Some(digest) = wanted.beside {
            beside = Some(self.bring(digest, &self.bundle(digest).await?).await?);
        }
        let mut live = None;
        match wanted.live {
            Some(digest) => {
                let bundle = self.bundle(digest).await?;
                let package = self.bring(digest, &bundle).await?;
                self.point(bundle.alias.as_str(), &package).await?;
                self.unpoint(Some(bundle.alias.as_str())).await?;
                live = Some(package);
            }
            None => self.unpoint(None).await?,
        }
        let kept: Vec<&Digest> = [&wanted.live, &wanted.beside].into_iter().flatten().collect();
        self.let_go(&kept).await;
        let counted = |name: String| {
            let figures = self.metrics.model_figures(&name);
            (name, figures)
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.arrangement != wanted || seen.live.is_none() {
            *seen =
                Seen { arrangement: wanted, live: live.map(counted), beside: beside.map(counted) };
        }
        Ok(())
    }

    async fn ask(&self, bundle: Digest, check: &Check) -> Result<String, StageError> {
        let document = self.bundle(bundle).await?;
        let model = document.parts.iter().find(|part| part.kind == PartKind::Model);
        let model = model.ok_or_else(|| failed("the bundle has no model"))?;
        let lease = self.shelf.lend((&package_name(model, bundle)).into()).await.map_err(failed)?;
        let Served::Language(served) = lease.served().clone() else {
            return Err(failed("the model is asked with arrays, not with texts"));
        };
        let content = check.prompt.to_string();
        let prompt = match &served.template {
            Some(template) => {
                let messages = [Message { role: Role::User, content }];
                let guard = |typed: &str| served.model.tokenizer().guard(typed);
                template.prompt(&messages, guard).map_err(failed)?
            }
            None => content,
        };
        let begin = served.begin.filter(|_| served.template.is_none());
        let text = served.model.tokenizer().encode(&prompt, true).map_err(failed)?;
        let request = Request {
            prompt: begin.into_iter().chain(text).collect::<Vec<TokenId>>(),
            sampling: Sampling { temperature: 0.0, ..served.defaults.sampling.clone() },
            max_tokens: usize::try_from(check.max_tokens).unwrap_or(usize::MAX),
            stop: Vec::new(),
            logprobs: None,
            deadline: None,
            scope: Scope::Public,
            constraint: None,
        };
        let mut generation = served.model.generate(request).map_err(failed)?;
        let mut answer = String::new();
        while let Some(chunk) = generation.next().await {
            answer.push_str(&chunk.map_err(failed)?.text);
        }
        Ok(answer)
    }

    /// The bundle whose packages have its alias and its files.
    async fn found(&self) -> Result<Option<Digest>, StageError> {
        let live = self.seen.lock().unwrap_or_else(PoisonError::into_inner).arrangement.live;
        let Some(digest) = live else { return Ok(None) };
        let bundle = self.bundle(digest).await?;
        let answers = self.shelf.aliases().into_iter().find(|a| a.name == bundle.alias.as_str());
        let Some(answers) = answers else { return Ok(None) };
        let loaded: Vec<String> =
            self.shelf.loaded().iter().map(|served| served.name().to_owned()).collect();
        for part in bundle.parts.iter().filter(|part| part.kind == PartKind::Model) {
            let name = package_name(part, digest);
            let points =
                answers.shares.iter().all(|share| digits_of(&share.package) == digits_of(&name));
            if !points || !loaded.contains(&name) {
                return Ok(None);
            }
            let (packages, part) = (self.packages.clone(), part.clone());
            let sound = blocking(move || is_of(&packages, &name, &part)).await?;
            if !sound {
                return Ok(None);
            }
        }
        Ok(Some(digest))
    }

    fn figures(&self, seen: &Option<(String, ModelFigures)>) -> Figures {
        let Some((name, before)) = seen else { return Figures::default() };
        let since = self.metrics.model_figures(name).since(before);
        Figures { requests: since.ended, errors: since.failed, p95_ms: since.p95_ms() }
    }
}

/// Whether an installed package has the files of a bundle's part.
fn is_of(packages: &Store, name: &str, part: &Part) -> Result<bool, StageError> {
    let package = packages.package(name).map_err(failed)?;
    package.verify().map_err(failed)?;
    Ok(package.manifest().files.iter().all(|file| {
        let mut of_part = part.files.iter();
        of_part.any(|known| {
            known.path.as_str() == file.path && known.artefact.digest.to_string() == file.sha256
        })
    }))
}

impl Stage for Bundles {
    fn arrange<'a>(&'a self, wanted: &'a Arrangement) -> BoxFuture<'a, Result<(), StageError>> {
        self.make(*wanted).boxed()
    }

    fn answer<'a>(
        &'a self,
        bundle: Digest,
        check: &'a Check,
    ) -> BoxFuture<'a, Result<String, StageError>> {
        self.ask(bundle, check).boxed()
    }

    fn health(&self) -> Health {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Health { live: self.figures(&seen.live), beside: self.figures(&seen.beside) }
    }

    fn running(&self) -> BoxFuture<'_, Result<Option<Digest>, StageError>> {
        self.found().boxed()
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, StageError> + Send + 'static,
) -> Result<T, StageError> {
    tokio::task::spawn_blocking(act).await.map_err(failed)?
}

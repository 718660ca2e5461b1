//! Bundles at work: the parts of a bundle become one package of the shelf, whose name tells which
//! bundle it belongs to.
//!
//! A lease of that package is a lease of the whole set: model, tokeniser, template, rules about what
//! may be said, and the number under which its answers are kept ([`parts`]). The bundle that answers
//! has the bundle's alias. The alias and the packages are on the disk, and what they are made of lies
//! in the bundle's folder.

mod asking;
mod parts;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::api::shelf::{Alias, Share, Shelf};
use crate::packages::{CARD_FILE, Composition, ModelOf, OfBundle, Store};
use crate::protocol::Digest;
use crate::protocol::documents::{Bundle, Check};
use crate::reconcile::bundle::{Arrangement, Figures, Files, Health, Stage, StageError};
use crate::telemetry::{Metrics, ModelFigures};
use parts::{Composed, composed, digits_of, is_of_any};

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

/// The package that a bundle's alias leads to.
fn first(bundle: &Bundle, digest: Digest) -> Result<Composed<'_>, StageError> {
    let first = composed(bundle, digest)?.into_iter().next();
    first.ok_or_else(|| failed("the bundle has no package"))
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

    /// Brings a bundle's packages into memory, and tells the name of the first.
    async fn bring(&self, digest: Digest, bundle: &Bundle) -> Result<String, StageError> {
        let all = composed(bundle, digest)?;
        for one in &all {
            let composition = Composition {
                model: self.model(one, digest),
                replaced: one.replacements(&self.files, digest),
                bundle: OfBundle { digest: digest.to_string(), cache_epoch: bundle.cache_epoch },
            };
            let (packages, name) = (self.packages.clone(), one.name.clone());
            blocking(move || {
                packages
                    .compose(&composition, &name)
                    .map(drop)
                    .map_err(|error| StageError(crate::telemetry::with_causes(&error)))
            })
            .await?;
            self.shelf.load(&one.name).await.map_err(failed)?;
        }
        Ok(first(bundle, digest)?.name)
    }

    /// Where its model comes from: the bundle itself, or the installed package that its part is named
    /// after. What ran before is asked for nothing, so that a digest is one thing.
    fn model(&self, one: &Composed<'_>, digest: Digest) -> ModelOf {
        match one.model {
            Some(part) => ModelOf::Folder(self.files.part(digest, part)),
            None => ModelOf::Package(one.of.to_owned()),
        }
    }

    /// The package, or the first of several, that an alias leads to.
    fn leads_to(&self, alias: &str) -> Option<String> {
        let found = self.shelf.aliases().into_iter().find(|known| known.name == alias)?;
        found.shares.into_iter().next().map(|share| share.package)
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

    /// The packages that aliases lead to.
    fn led_to(&self) -> BTreeSet<String> {
        let aliases = self.shelf.aliases().into_iter();
        aliases.flat_map(|alias| alias.shares).map(|share| share.package).collect()
    }

    /// Lets go of the packages of other bundles; they stay on the disk.
    async fn unload(&self, kept: &[&Digest]) {
        let led_to = self.led_to();
        for shelved in self.shelf.list().iter().filter(|one| digits_of(&one.name).is_some()) {
            if is_of_any(&shelved.name, kept.iter().copied()) || led_to.contains(&shelved.name) {
                continue;
            }
            if let Err(error) = self.shelf.unload(&shelved.name).await {
                tracing::warn!(model = shelved.name, %error, "a bundle's model stays in memory");
            }
        }
    }

    async fn make(&self, wanted: Arrangement) -> Result<(), StageError> {
        let (mut live, mut beside) = (None, None);
        if let Some(digest) = wanted.beside {
            let bundle = self.bundle(digest).await?;
            beside = Some(self.bring(digest, &bundle).await?);
            // What the box was set up with is what the first bundle is compared with.
            live = self.leads_to(bundle.alias.as_str());
        }
        match wanted.live {
            Some(digest) => {
                let bundle = self.bundle(digest).await?;
                let package = self.bring(digest, &bundle).await?;
                self.point(bundle.alias.as_str(), &package).await?;
                self.unpoint(Some(bundle.alias.as_str())).await?;
                live = Some(package);
            }
            None if wanted.taken_back => self.unpoint(None).await?,
            None => {}
        }
        let kept: Vec<&Digest> = [&wanted.live, &wanted.beside].into_iter().flatten().collect();
        self.unload(&kept).await;
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

    /// Removes packages of other bundles than these from the disk, but for those that answer.
    async fn remove_but(&self, wanted: &[Digest]) -> Result<(), StageError> {
        let (packages, wanted, led_to) = (self.packages.clone(), wanted.to_vec(), self.led_to());
        let removed = blocking(move || {
            let all = packages.list().map_err(failed)?.into_iter();
            let of_bundles = all.filter(|package| package.manifest().bundle.is_some());
            let names = of_bundles.map(|package| package.name().to_owned());
            let others: Vec<String> =
                names.filter(|name| !is_of_any(name, &wanted) && !led_to.contains(name)).collect();
            for name in &others {
                packages.let_go(name).map_err(failed)?;
            }
            Ok(others.len())
        });
        if removed.await? > 0 {
            self.shelf.look_again().await.map_err(failed)?;
        }
        Ok(())
    }

    /// The bundle that requests for its alias are answered by, told by what was loaded and not by what
    /// lies on the disk.
    async fn found(&self) -> Result<Option<Digest>, StageError> {
        let live = self.seen.lock().unwrap_or_else(PoisonError::into_inner).arrangement.live;
        let Some(digest) = live else { return Ok(None) };
        let bundle = self.bundle(digest).await?;
        let all = composed(&bundle, digest)?;
        let known = self.shelf.aliases().into_iter().find(|a| a.name == bundle.alias.as_str());
        let shares = known.map(|alias| alias.shares).unwrap_or_default();
        let leads = shares.iter().all(|share| is_of_any(&share.package, [&digest]));
        if shares.is_empty() || !leads {
            return Ok(None);
        }
        for (at, one) in all.iter().enumerate() {
            // What the alias lends is what customers get.
            let name = if at == 0 { bundle.alias.as_str() } else { &one.name };
            let lease = self.shelf.lend(name.into()).await.map_err(failed)?;
            let served = lease.served();
            if served.name() != one.name || !one.is_made_of(served.files(), CARD_FILE) {
                return Ok(None);
            }
        }
        Ok(Some(digest))
    }

    fn figures(&self, seen: &Option<(String, ModelFigures)>) -> Figures {
        let Some((name, before)) = seen else { return Figures::default() };
        let since = self.metrics.model_figures(name).since(before);
        let (requests, errors, refused) = (since.ended, since.failed, since.refused);
        Figures { requests, errors, refused, p95_ms: since.p95_ms() }
    }
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

    fn tidy<'a>(&'a self, wanted: &'a [Digest]) -> BoxFuture<'a, Result<(), StageError>> {
        self.remove_but(wanted).boxed()
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, StageError> + Send + 'static,
) -> Result<T, StageError> {
    tokio::task::spawn_blocking(act).await.map_err(failed)?
}

//! Packages on the disk, and how they come into memory.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};

use super::keeper::{Arrival, Refusal, World};
use super::title::Size;
use crate::api::shelf::{About, Manner, Ports};
use crate::api::{Defaults, LoadedFiles, Served, ServedModel, ServedNetwork};
use crate::engine::{Budget, Config, LoadError, Model, Network, Tokenizer, give_back_freed_memory};
use crate::packages::{GenerationDefaults, Package, PackageError, Store, Task};
use crate::protocol::ProtocolError;
use crate::protocol::documents::GuardRules;
use crate::skills::chat::{ChatTemplate, TemplateError};
use crate::skills::checks::Refused;
use crate::skills::guard::Terms;
use crate::skills::heads::{Elsewhere, Head, HeadError};
use crate::telemetry::{Conduct, Metrics, with_causes};

/// Tokens for whose keys and values there should be room, where the model takes as many.
const WORTHWHILE_TOKENS: u64 = 1024;
/// Until a language model was loaded once, its pages are thought to need this part of its weights.
const PAGES_OF_WEIGHTS: u64 = 4;

/// The packages that are served.
pub(super) struct Library {
    store: Store,
    /// Those named in the settings; none is all.
    named: Vec<String>,
    engine: Config,
    budget: Budget,
    metrics: Arc<Metrics>,
}

/// A package as the shelf gets to know it.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) about: About,
    pub(super) size: Size,
}

/// Why a package does not come into memory.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("its chat template")]
    Template(#[from] TemplateError),
    #[error("the head in its card")]
    Head(#[from] HeadError),
    #[error("its rules about what may be said")]
    Rules(#[from] ProtocolError),
    #[error("its rules need the check `{0}`, which this program does not have")]
    Check(String),
}

impl Library {
    pub(super) fn new(
        store: Store,
        named: Vec<String>,
        engine: Config,
        budget: Budget,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { store, named, engine, budget, metrics }
    }

    /// What packages share with what stands beside them.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Every package that is served. Blocks for a moment.
    pub(super) fn all(&self) -> Result<Vec<Found>, PackageError> {
        let packages = match self.named.as_slice() {
            [] => self.store.list()?,
            names => {
                let mut all: Vec<Package> =
                    names.iter().map(|name| self.store.package(name)).collect::<Result<_, _>>()?;
                // What bundles bring is served in whatever names the settings have.
                all.extend(self.store.list()?.into_iter().filter(is_bundled));
                all
            }
        };
        Ok(packages.iter().map(found).collect())
    }

    /// One package, where it is served. Blocks for a moment.
    pub(super) fn one(&self, name: &str) -> Option<Found> {
        let named = self.named.is_empty() || self.named.iter().any(|named| named == name);
        let package = self.store.package(name).ok()?;
        (named || is_bundled(&package)).then(|| found(&package))
    }

    /// Inputs and outputs of a package, as its files declare them. Blocks for a moment.
    pub(super) fn ports(&self, name: &str) -> Result<Ports, String> {
        let package = self.store.package(name).map_err(|fault| with_causes(&fault))?;
        let [inputs, outputs] = package.ports().map_err(|fault| with_causes(&fault))?;
        Ok(Ports { inputs, outputs })
    }

    fn load_now(
        store: &Store,
        name: &str,
        engine: &Config,
        budget: &Budget,
        metrics: &Metrics,
    ) -> Result<Arrival<Served>, Fault> {
        let package = store.package(name)?;
        if is_bundled(&package) {
            // What is told to run must be what was loaded.
            package.verify()?;
        }
        let (served, size) = match package.manifest().task {
            Task::Chat => {
                let observer = Arc::new(metrics.observe_model(name));
                let model = Model::load_within(budget, &package.decoder(), engine, observer)?;
                let size = size_of(&model);
                let conduct = metrics.conduct(name);
                (Served::Language(Arc::new(language(model, &package, engine, conduct)?)), size)
            }
            Task::Tensors => {
                let observer = Arc::new(metrics.observe_network(name));
                let source = package.network();
                let network = Network::load_observed(budget, &source, engine, observer)?;
                let size = Size { weight_bytes: network.report().weight_bytes, page_bytes: 0 };
                (Served::Network(Arc::new(network_of(network, &package)?)), size)
            }
        };
        Ok(Arrival { item: served, about: about(&package), size })
    }
}

impl World for Library {
    type Item = Served;

    fn load(&self, name: &str) -> BoxFuture<'static, Result<Arrival<Served>, Refusal>> {
        let (store, engine, budget) =
            (self.store.clone(), self.engine.clone(), self.budget.clone());
        let (metrics, name) = (Arc::clone(&self.metrics), name.to_owned());
        let work = move || {
            let loaded = Self::load_now(&store, &name, &engine, &budget, &metrics);
            // Reading and packing took more than what stays.
            give_back_freed_memory();
            loaded
        };
        async move {
            match tokio::task::spawn_blocking(work).await {
                Ok(loaded) => loaded.map_err(refusal),
                Err(_) => Err(Refusal::Refused("the loading thread failed".to_owned())),
            }
        }
        .boxed()
    }

    fn budget_bytes(&self) -> u64 {
        self.budget.models_bytes()
    }

    fn lacking_bytes(&self) -> u64 {
        self.budget.lacking_bytes()
    }

    fn end(&self, item: Served) -> BoxFuture<'static, ()> {
        let ended = item.ended();
        item.shut_down();
        drop(item);
        async move {
            ended.await;
            // A panic in there would be the allocator's.
            let _ = tokio::task::spawn_blocking(give_back_freed_memory).await;
        }
        .boxed()
    }
}

/// Whether a package came with a bundle.
fn is_bundled(package: &Package) -> bool {
    package.manifest().bundle.is_some()
}

fn refusal(fault: Fault) -> Refusal {
    let why = with_causes(&fault);
    match fault {
        Fault::Package(PackageError::NotInstalled { .. }) => Refusal::NotInstalled,
        Fault::Load(LoadError::Memory { weight_bytes, .. }) => {
            Refusal::NoRoom { weight_bytes, why }
        }
        _ => Refusal::Refused(why),
    }
}

fn size_of(model: &Model) -> Size {
    let report = model.report();
    let tokens = WORTHWHILE_TOKENS.min(report.context_tokens as u64);
    Size { weight_bytes: report.weight_bytes, page_bytes: tokens * report.kv_bytes_per_token }
}

fn found(package: &Package) -> Found {
    let weight_bytes = package.expected_weight_bytes();
    let page_bytes = match package.manifest().task {
        Task::Chat => weight_bytes / PAGES_OF_WEIGHTS,
        Task::Tensors => 0,
    };
    let size = Size { weight_bytes, page_bytes };
    Found { name: package.name().to_owned(), about: about(package), size }
}

fn about(package: &Package) -> About {
    About {
        manner: match package.manifest().task {
            Task::Chat => Manner::Chat,
            Task::Tensors => Manner::Tensors,
        },
        task: task(package),
        version: package.manifest().version.clone(),
        created: package.created(),
        owned_by: owner(package),
        bundled: is_bundled(package),
    }
}

/// What its card's head is for. A head that cannot be read is told when it is loaded.
fn task(package: &Package) -> Option<String> {
    let head = Head::parse(&package.card().ok()?.head?).ok()?;
    Some(head.task().to_owned())
}

fn network_of(network: Network, package: &Package) -> Result<ServedNetwork, Fault> {
    let name = package.name().to_owned();
    let tokenizer = package.tokenizer().map(|path| Tokenizer::load(&path)).transpose();
    Ok(ServedNetwork {
        name,
        version: package.manifest().version.clone(),
        network,
        tokenizer: tokenizer?,
        head: head(package)?,
        files: loaded_files(package),
        created: package.created(),
        owned_by: owner(package),
    })
}

/// The card's head, with the lists that it names.
fn head(package: &Package) -> Result<Option<Head>, Fault> {
    let Some(written) = package.card()?.head else { return Ok(None) };
    let read = |place: &Elsewhere| {
        let text = match place {
            Elsewhere::File(name) => package.text(name),
            Elsewhere::Metadata(key) => package.metadata(key),
        };
        text.map_err(|error| error.to_string())
    };
    Ok(Some(Head::parse(&written)?.complete(read)?))
}

/// Files that were compared with their digests when the package was loaded.
fn loaded_files(package: &Package) -> LoadedFiles {
    let files = package.manifest().files.iter().filter(|_| is_bundled(package));
    files.map(|file| (file.path.clone(), file.sha256.clone())).collect()
}

/// Terms that the package's rules block. Rules that ask for a check which this program does not have
/// are refused.
fn blocked(package: &Package) -> Result<Terms, Fault> {
    let Some(rules) = package.guard_rules()? else { return Ok(Terms::default()) };
    let rules = GuardRules::parse(&rules)?;
    let known = |name: &str| Refused::ALL.iter().any(|check| check.name() == name);
    if let Some(name) = rules.required_checks.iter().find(|name| !known(name.as_str())) {
        return Err(Fault::Check(name.to_string()));
    }
    let terms = rules.blocked_terms.iter();
    Ok(Terms::new(terms.flat_map(|(code, terms)| terms.iter().map(move |term| (&**code, &**term)))))
}

fn language(
    model: Model,
    package: &Package,
    engine: &Config,
    conduct: Conduct,
) -> Result<ServedModel, Fault> {
    let manifest = package.manifest();
    let name = package.name().to_owned();
    let template = package
        .chat_template()?
        .map(|source| ChatTemplate::compile(&source, &manifest.bos_token, &manifest.eos_token))
        .transpose()?;
    let defaults = defaults(&package.generation_defaults()?);
    let created = package.created();
    let begin = package.begin_token(model.tokenizer());
    let owned_by = owner(package);
    let version = manifest.version.clone();
    let digest = digest(package, engine, &model);
    let card = package.card()?;
    Ok(ServedModel {
        name,
        version,
        digest,
        model,
        template,
        begin,
        languages: card.languages,
        skills: card.skills,
        defaults,
        blocked: Arc::new(blocked(package)?),
        conduct,
        files: loaded_files(package),
        created,
        owned_by,
    })
}

/// Of all that decides what a model says of the same request.
fn digest(package: &Package, engine: &Config, model: &Model) -> String {
    let (files, program) = (package.digest(), env!("CARGO_PKG_VERSION"));
    let (activation, kv) = (engine.activation.name(), engine.kv_type);
    // A device sums in another order than the processor, and devices among themselves.
    let device = model.report().device.as_ref();
    let runs_on = device.map_or("cpu".to_owned(), |d| format!("{} {}", d.name, d.driver));
    let seed = format!("{files}|endcap {program}|{runs_on}|{activation}|{kv:?}");
    Sha256::digest(seed.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn defaults(package: &GenerationDefaults) -> Defaults {
    Defaults {
        sampling: package.sampling(),
        max_new_tokens: package.max_new_tokens.map(|tokens| tokens as usize),
    }
}

/// The card's word for who made the model.
fn owner(package: &Package) -> String {
    let owner = package.card().map(|card| card.owner).unwrap_or_default();
    if owner.is_empty() { "unknown".to_owned() } else { owner }
}

//! Opens and loads what is to be served.

use std::sync::Arc;

use super::AppError;
use crate::api::{Defaults, Served, ServedModel, ServedNetwork};
use crate::config::Config;
use crate::engine::{LoadError, Model, Network, Tokenizer};
use crate::packages::{GenerationDefaults, Package, Store, Task};
use crate::skills::chat::ChatTemplate;
use crate::skills::heads::{Elsewhere, Head};
use crate::telemetry::Metrics;

/// Loads one model after the other, as each takes every core.
pub(super) async fn load(config: &Config, metrics: &Metrics) -> Result<Vec<Served>, AppError> {
    let store = Store::open(&config.data_dir)?;
    let packages = match config.models.serve.as_slice() {
        [] => store.list()?,
        names => names.iter().map(|name| store.package(name)).collect::<Result<_, _>>()?,
    };
    if packages.is_empty() {
        return Err(AppError::NoModels);
    }
    let budget = config.engine.budget();
    tracing::info!(bytes = budget.total_bytes(), "memory for weights and KV pages");
    let mut loaded = Vec::new();
    for package in packages {
        let name = package.name().to_owned();
        tracing::info!(model = name, "loading");
        let engine = config.engine.clone();
        let budget = budget.clone();
        loaded.push(match package.manifest().task {
            Task::Chat => {
                let source = package.decoder();
                let observer = Arc::new(metrics.observe_model(&name));
                let load = move || Model::load_within(&budget, &source, &engine, observer);
                Served::Language(Arc::new(language(off_thread(&name, load).await?, &package)?))
            }
            Task::Tensors => {
                let source = package.network();
                let load = move || Network::load_within(&budget, &source, &engine);
                Served::Network(Arc::new(network(off_thread(&name, load).await?, &package)?))
            }
        });
    }
    Ok(loaded)
}

async fn off_thread<T: Send + 'static>(
    name: &str,
    load: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, AppError> {
    let name = name.to_owned();
    match tokio::task::spawn_blocking(load).await {
        Ok(Ok(loaded)) => Ok(loaded),
        Ok(Err(source)) => Err(AppError::Load { name, source }),
        Err(_) => Err(AppError::Loader { name }),
    }
}

fn network(network: Network, package: &Package) -> Result<ServedNetwork, AppError> {
    let name = package.name().to_owned();
    let tokenizer = package.tokenizer().map(|path| Tokenizer::load(&path)).transpose();
    let tokenizer = tokenizer.map_err(|source| AppError::Load { name: name.clone(), source })?;
    Ok(ServedNetwork {
        name,
        version: package.manifest().version.clone(),
        network,
        tokenizer,
        head: head(package)?,
        created: package.created(),
        owned_by: owner(package),
    })
}

/// The card's head, with the lists that it names.
fn head(package: &Package) -> Result<Option<Head>, AppError> {
    let Some(written) = package.card()?.head else { return Ok(None) };
    let read = |place: &Elsewhere| {
        let text = match place {
            Elsewhere::File(name) => package.text(name),
            Elsewhere::Metadata(key) => package.metadata(key),
        };
        text.map_err(|error| error.to_string())
    };
    let head = Head::parse(&written).and_then(|head| head.complete(read));
    head.map(Some).map_err(|source| AppError::Head { name: package.name().to_owned(), source })
}

fn language(model: Model, package: &Package) -> Result<ServedModel, AppError> {
    let manifest = package.manifest();
    let name = package.name().to_owned();
    let template = package
        .chat_template()?
        .map(|source| ChatTemplate::compile(&source, &manifest.bos_token, &manifest.eos_token))
        .transpose()
        .map_err(|source| AppError::Template { name: name.clone(), source })?;
    let defaults = defaults(&package.generation_defaults()?);
    let created = package.created();
    let begin = package.begin_token(model.tokenizer());
    let owned_by = owner(package);
    let version = manifest.version.clone();
    Ok(ServedModel { name, version, model, template, begin, defaults, created, owned_by })
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

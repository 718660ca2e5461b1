//! Opens and loads what is to be served.

use std::sync::Arc;

use super::AppError;
use crate::config::Config;
use crate::engine::Model;
use crate::packages::{Package, Store};
use crate::telemetry::Metrics;

/// A loaded model and its package.
pub(super) struct Loaded {
    pub(super) model: Model,
    pub(super) package: Package,
}

/// Loads one model after the other, as each takes every core.
pub(super) async fn load(config: &Config, metrics: &Metrics) -> Result<Vec<Loaded>, AppError> {
    let store = Store::open(&config.data_dir)?;
    let packages = match config.models.serve.as_slice() {
        [] => store.list()?,
        names => names.iter().map(|name| store.package(name)).collect::<Result<_, _>>()?,
    };
    if packages.is_empty() {
        return Err(AppError::NoModels);
    }
    let mut loaded = Vec::new();
    for package in packages {
        let name = package.name().to_owned();
        tracing::info!(model = name, "loading");
        let source = package.decoder();
        let engine = config.engine.clone();
        let observer = Arc::new(metrics.observe_model(&name));
        let task = tokio::task::spawn_blocking(move || Model::load(&source, &engine, observer));
        let model = match task.await {
            Ok(Ok(model)) => model,
            Ok(Err(source)) => return Err(AppError::Load { name, source }),
            Err(_) => return Err(AppError::Loader { name }),
        };
        loaded.push(Loaded { model, package });
    }
    Ok(loaded)
}

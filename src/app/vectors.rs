//! Makes vectors of the products' texts while nobody waits for them.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Meaning;
use crate::cache::{Cache, Calibration};
use crate::facts::search::{Search, SearchError, Vectorised};
use crate::telemetry::with_causes;

/// Texts that are looked for at once, and of which vectors are made at once: few, so that whoever asks
/// meanwhile hardly waits.
const PAGE: usize = 1024;
const BATCH: usize = 16;
/// How long a batch may take; the first one may have to load the package.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long until it is tried again where it failed, or no package is there.
const REST: Duration = Duration::from_secs(30);
/// How often it is told how far it is, in products.
const TOLD_EVERY: usize = 500;

/// Keeps the vectors up to the products, and the cache's thresholds up to the encoder, until it is
/// dropped.
pub(super) async fn keep(search: Arc<Search>, meaning: Meaning, cache: Cache) {
    let mut news = search.facts().watch();
    loop {
        news.mark_unchanged();
        let encoder = meaning.encoder().unwrap_or_default();
        // Without its version: a package's vectors stay comparable, or it gets another name.
        let name = encoder.split(' ').next().unwrap_or_default();
        cache.calibrate(Calibration::of(name));
        match fill(&search, &meaning).await {
            // Packages come while the server runs, so it is looked again even without news.
            Ok(true) => drop(tokio::time::timeout(REST, news.changed()).await),
            Ok(false) => tokio::time::sleep(REST).await,
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "vectors of products cannot be kept");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Makes all vectors that are missing; false where there is nobody to make them.
async fn fill(search: &Arc<Search>, meaning: &Meaning) -> Result<bool, SearchError> {
    let Some(encoder) = meaning.encoder() else { return Ok(false) };
    let named = encoder.clone();
    apart(search, move |search| search.set_encoder(&named)).await?;
    let mut told = 0;
    loop {
        let missing = apart(search, |search| search.missing(PAGE)).await?;
        if missing.is_empty() {
            if told > 0 {
                tell(search);
            }
            return Ok(true);
        }
        for batch in missing.chunks(BATCH) {
            let texts: Vec<String> = batch.iter().map(|missing| missing.text.clone()).collect();
            let Some(vectors) = meaning.vectors(&texts, PATIENCE).await else { return Ok(false) };
            let made =
                batch.iter().cloned().zip(vectors).map(|(of, vector)| Vectorised { of, vector });
            let made: Vec<_> = made.collect();
            told += made.len();
            apart(search, move |search| search.put_vectors(made)).await?;
            if told % TOLD_EVERY < BATCH {
                tell(search);
            }
        }
    }
}

fn tell(search: &Search) {
    let (products, all) = search.coverage();
    tracing::info!(products, all, "products can be found by meaning");
}

/// What blocks, off the async threads.
async fn apart<T: Send + 'static>(
    search: &Arc<Search>,
    act: impl FnOnce(&Search) -> Result<T, SearchError> + Send + 'static,
) -> Result<T, SearchError> {
    let search = Arc::clone(search);
    let done = tokio::task::spawn_blocking(move || act(&search)).await;
    done.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))
}

//! Log lines on standard error.

use std::io::IsTerminal;

use tokio::sync::mpsc;
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, registry, reload};

use super::tap::{Tap, Warned};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people at a terminal.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not in the form `info,endcap::http=debug`.
    #[error("the log filter `{filter}` is not of the form `info,endcap::http=debug`")]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// A process has one log.
    #[error("logging was started before")]
    Started(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log is gone.
    #[error("what is logged cannot be changed any more")]
    Ended {
        /// Why.
        #[source]
        source: reload::Error,
    },
}

/// How the names of this program's modules begin.
const ROOMS: &str = "endcap";

/// By which what is logged is changed while the program runs. A clone is the same.
#[derive(Debug, Clone)]
pub struct Levels {
    configured: String,
    handle: reload::Handle<EnvFilter, Registry>,
}

impl Levels {
    /// Logs of this program's rooms what is of this level or worse, of libraries too but never below
    /// `info`; without a level, as it was configured. Levels that were configured by module stay.
    pub fn set(&self, level: Option<Level>) -> Result<(), LogError> {
        let filter = level.map_or_else(|| self.configured.clone(), |l| over(l, &self.configured));
        let levels = parse(&filter)?;
        self.handle.reload(levels).map_err(|source| LogError::Ended { source })
    }
}

/// The filter of a level over one that was configured.
fn over(level: Level, configured: &str) -> String {
    let by_module = configured.split(',').filter(|part| part.contains(['=', '[']));
    let everywhere = level.min(Level::INFO).to_string().to_lowercase();
    let ours = format!("{ROOMS}={}", level.to_string().to_lowercase());
    let parts = [everywhere.as_str(), ours.as_str()].into_iter().chain(by_module);
    parts.collect::<Vec<_>>().join(",")
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

/// Starts logging; `filter` is a level, or levels by module, as `info,endcap::http=debug`. Warnings
/// and errors are handed to `warned` besides, as long as there is room in it.
pub fn start(
    format: LogFormat,
    filter: &str,
    warned: Option<mpsc::Sender<Warned>>,
) -> Result<Levels, LogError> {
    let (levels, handle) = reload::Layer::new(parse(filter)?);
    let lines =
        fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_filter(levels).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(levels).boxed(),
    };
    let started = registry().with(lines).with(warned.map(Tap)).try_init();
    started.map_err(|error| LogError::Started(Box::new(error)))?;
    Ok(Levels { configured: filter.to_owned(), handle })
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::{LogError, LogFormat, over, start};

    #[test]
    fn a_filter_that_cannot_be_read_is_quoted() {
        let refused = start(LogFormat::Text, "info,=[", None).unwrap_err();
        assert!(matches!(&refused, LogError::Filter { filter, .. } if filter == "info,=["));
    }

    #[test]
    fn a_level_is_laid_over_the_configured_one_and_leaves_modules_alone() {
        for (level, configured, filter) in [
            (Level::DEBUG, "info,tract_onnx=error", "info,endcap=debug,tract_onnx=error"),
            (Level::ERROR, "info", "error,endcap=error"),
            (Level::WARN, "debug,endcap_http[x]=trace", "warn,endcap=warn,endcap_http[x]=trace"),
        ] {
            assert_eq!(over(level, configured), filter);
        }
    }
}

//! Log lines on standard error.

use std::io::IsTerminal;

use tokio::sync::mpsc;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

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
}

/// Starts logging; `filter` is a level, or levels by module, as `info,endcap::http=debug`. Warnings
/// and errors are handed to `warned` besides, as long as there is room in it.
pub fn start(
    format: LogFormat,
    filter: &str,
    warned: Option<mpsc::Sender<Warned>>,
) -> Result<(), LogError> {
    let levels = EnvFilter::try_new(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    let lines =
        fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_filter(levels).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(levels).boxed(),
    };
    let started = registry().with(lines).with(warned.map(Tap)).try_init();
    started.map_err(|error| LogError::Started(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::{LogError, LogFormat, start};

    #[test]
    fn a_filter_that_cannot_be_read_is_quoted() {
        let refused = start(LogFormat::Text, "info,=[", None).unwrap_err();
        assert!(matches!(&refused, LogError::Filter { filter, .. } if filter == "info,=["));
    }
}

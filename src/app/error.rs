//! Why a server does not start.

use crate::engine::LoadError;
use crate::http::HttpError;
use crate::packages::PackageError;
use crate::skills::chat::TemplateError;
use crate::skills::heads::HeadError;
use crate::telemetry::LogError;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The log cannot be written as configured.
    #[error("starting the log")]
    Log(#[from] LogError),
    /// The system does not let us listen to signals.
    #[error("listening to signals")]
    Signals(#[source] std::io::Error),
    /// Somebody else has the port.
    #[error(
        "port {0} is taken, perhaps by a running Endcap; stop that one or choose another with \
         --listen, such as --listen 127.0.0.1:0 for any free port"
    )]
    PortTaken(std::net::SocketAddr),
    /// The doors cannot be opened.
    #[error("opening the doors")]
    Http(#[source] HttpError),
    /// A package cannot be opened.
    #[error("opening the model packages")]
    Packages(#[from] PackageError),
    /// There is nothing to serve.
    #[error(
        "no model is installed; `endcap models pull NAME` fetches one, `endcap demo` the default"
    )]
    NoModels,
    /// A chat template cannot be used.
    #[error("preparing {name}")]
    Template {
        /// Which model.
        name: String,
        /// Why.
        #[source]
        source: TemplateError,
    },
    /// The head in a model's card cannot be used.
    #[error("reading the head in the card of {name}")]
    Head {
        /// Which model.
        name: String,
        /// Why.
        #[source]
        source: HeadError,
    },
    /// The engine refuses a model.
    #[error("loading {name}")]
    Load {
        /// Which model.
        name: String,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// A fault of ours.
    #[error("loading {name}: the loading thread failed")]
    Loader {
        /// Which model.
        name: String,
    },
}

impl From<HttpError> for AppError {
    fn from(fault: HttpError) -> Self {
        match fault {
            HttpError::Bind { address, source }
                if source.kind() == std::io::ErrorKind::AddrInUse =>
            {
                Self::PortTaken(address)
            }
            fault => Self::Http(fault),
        }
    }
}

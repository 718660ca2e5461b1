//! Why a server does not start.

use crate::api::shelf::{AliasFault, ShelfError};
use crate::audit::AuditError;
use crate::desk::DeskError;
use crate::facts::FactsError;
use crate::facts::search::SearchError;
use crate::firmware::FirmwareError;
use crate::http::HttpError;
use crate::packages::PackageError;
use crate::shoppers::ShoppersError;
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
    /// What the shop knows cannot be read.
    #[error("opening the shop's facts")]
    Facts(#[from] FactsError),
    /// The products cannot be searched.
    #[error("making the products searchable")]
    Search(#[from] SearchError),
    /// A package cannot be opened.
    #[error("opening the model packages")]
    Packages(#[from] PackageError),
    /// Headquarters cannot be opened.
    #[cfg(feature = "hq")]
    #[error("opening headquarters")]
    Hq(#[from] crate::hq::HqError),
    /// Shoppers' conversations cannot be kept.
    #[error("opening the shoppers' conversations")]
    Shoppers(#[from] ShoppersError),
    /// The desk cannot be opened.
    #[error("opening the desk")]
    Desk(#[from] DeskError),
    /// What small devices should run cannot be kept.
    #[error("opening what small devices should run")]
    Firmware(#[from] FirmwareError),
    /// Records of answers cannot be kept.
    #[error("opening the records of answers")]
    Audit(#[from] AuditError),
    /// The order system's token cannot be read.
    #[error("reading {}, the token of the order system", path.display())]
    ConnectorToken {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The order system cannot be asked as configured.
    #[error("asking the order system: {0}")]
    Connector(String),
    /// A model that must be there before the first answer cannot be loaded.
    #[error("loading {name}: {why}; models.load = \"demand\" serves the others meanwhile")]
    Load {
        /// Which model.
        name: String,
        /// Why.
        why: ShelfError,
    },
    /// A package that is to be pinned is not served.
    #[error("models.pin names `{name}`, which is not served")]
    Pin {
        /// Which package.
        name: String,
    },
    /// An alias of the configuration cannot be.
    #[error("models.aliases.{name}: {fault}")]
    Alias {
        /// Which alias.
        name: String,
        /// What is wrong with it.
        fault: AliasFault,
    },
    /// What was said of models in an earlier run cannot be read.
    #[error("reading {path}")]
    Kept {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
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

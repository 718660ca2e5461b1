//! How patient and how eager the line is, and where it goes.

use std::path::PathBuf;
use std::time::Duration;

use super::enrolment::Enrolment;
use super::error::LineError;
use super::mqtt::{Address, Broker, Credentials, Version};
use super::session::Trust;
use crate::protocol::Place;
use crate::state::StateConfig;

/// Times and amounts of the line. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineConfig {
    /// Within how long the first try after a loss is made; doubles with each failure.
    pub first_retry_ms: u64,
    /// Within how long a try is made at most.
    pub max_retry_ms: u64,
    /// How long a connection must hold before earlier failures are forgotten.
    pub stable_ms: u64,
    /// How long a connection, and then each of its steps, may take.
    pub step_ms: u64,
    /// After how long a question to HQ is asked again at first; doubles up to `max_retry_ms`.
    pub ask_again_ms: u64,
    /// How often HQ is asked for what may have been missed while all is well.
    pub refresh_ms: u64,
    /// After how long without an ack messages are sent again at first; doubles up to `max_retry_ms`.
    pub send_again_ms: u64,
    /// How long the broker may leave a message without its PUBACK.
    pub stall_ms: u64,
    /// Bytes of backlog that are sent in a second.
    pub backlog_bytes_per_s: u64,
    /// Messages of a stream that are sent beyond what HQ has stored.
    pub window: u64,
    /// Messages that are given to the broker before it has taken them.
    pub max_in_flight: usize,
    /// Bytes that are read from the outbox at once.
    pub read_bytes: u64,
}

impl Default for LineConfig {
    fn default() -> Self {
        Self {
            first_retry_ms: 1000,
            max_retry_ms: 10 * 60 * 1000,
            stable_ms: 5 * 60 * 1000,
            step_ms: 30 * 1000,
            ask_again_ms: 10 * 1000,
            refresh_ms: 30 * 60 * 1000,
            send_again_ms: 30 * 1000,
            stall_ms: 60 * 1000,
            backlog_bytes_per_s: 64 * 1024,
            window: 256,
            max_in_flight: 32,
            read_bytes: 64 * 1024,
        }
    }
}

/// What a person decides of the line. What is not said here, enrolment said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSettings {
    /// Where the broker is, in place of what enrolment said.
    pub broker: Option<Address>,
    /// This box's name, in place of what enrolment said.
    pub place: Option<Place>,
    /// Which MQTT the broker speaks.
    pub version: Version,
    /// The folder with certificates, keys and the enrolment.
    pub identity: PathBuf,
    /// How long the line may be silent before it is tried.
    pub keep_alive: Duration,
    /// How often measured values are told.
    pub telemetry_every: Duration,
    /// How patient and how eager the line is.
    pub line: LineConfig,
    /// How much waits for HQ at most.
    pub state: StateConfig,
}

impl LineSettings {
    /// A line with everything as it usually is.
    #[must_use]
    pub fn new(identity: PathBuf) -> Self {
        Self {
            broker: None,
            place: None,
            version: Version::default(),
            identity,
            keep_alive: Duration::from_secs(60),
            telemetry_every: Duration::from_secs(60),
            line: LineConfig::default(),
            state: StateConfig::default(),
        }
    }

    /// Whom to speak to and whom to believe; `None` where this box was not enrolled and nothing is
    /// said of a broker either. Blocks on the disk.
    pub fn resolve(&self) -> Result<Option<Resolved>, LineError> {
        let Some(enrolment) = Enrolment::read(&self.identity)? else {
            return match &self.broker {
                Some(_) => Err(LineError::NotEnrolled { folder: self.identity.clone() }),
                None => Ok(None),
            };
        };
        let mut trust = enrolment.trust()?;
        if let Some(place) = &self.place {
            trust.who.place = place.clone();
        }
        let address = match &self.broker {
            Some(address) => address.clone(),
            None => enrolment.broker.parse()?,
        };
        let broker = Broker {
            credentials: address.tls.then(|| self.credentials()),
            address,
            version: self.version,
            login: None,
            keep_alive: self.keep_alive,
        };
        Ok(Some(Resolved { broker, trust, hq: enrolment.hq }))
    }

    fn credentials(&self) -> Credentials {
        let all = Credentials::in_folder(&self.identity);
        let has_own = all.own.as_ref().is_some_and(|(certificate, _)| certificate.exists());
        Credentials { own: all.own.filter(|_| has_own), ..all }
    }
}

/// Whom to speak to and whom to believe.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The broker.
    pub broker: Broker,
    /// Who we are and whom we believe.
    pub trust: Trust,
    /// Base address of HQ's API and artefacts.
    pub hq: Option<String>,
}

//! HQ as a server: its API, its pages, its side of the line, and what it does by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::api::{self, Service};
use super::clock::now;
use super::config::HqConfig;
use super::deployments;
use super::error::HqError;
use super::line::{self, MqttWire, Standing};
use super::pages::Sessions;
use super::service::Hq;
use crate::http::{self, BodyLimits, Drained, Health, Listener};
use crate::protocol::Label;
use crate::sync::mqtt::Broker;
use crate::telemetry::Metrics;

/// Between two looks at what is old.
const TIDY_PERIOD: Duration = Duration::from_secs(600);
/// Between two notes that HQ lives, and two looks for epochs that began anew.
const ALIVE_PERIOD: Duration = Duration::from_secs(15);
/// Between two parts of what is old.
const TIDY_PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at what was measured since.
const FOLD_PERIOD: Duration = Duration::from_secs(30);
/// Between two parts of it, for those who wait to write.
const FOLD_PAUSE: Duration = Duration::from_millis(200);
/// What a body of JSON may take.
const BODY: BodyLimits = BodyLimits { bytes: 256 * 1024, timeout: Duration::from_secs(15) };

/// Settings of the server.
#[derive(Debug)]
pub struct ServerConfig {
    /// What it is over.
    pub hq: HqConfig,
    /// Where it listens.
    pub http: http::Config,
    /// The tenant that is there from the start.
    pub tenant: Label,
    /// Nodes are let in by their token alone, also where HQ speaks TLS: something before it ends theirs.
    pub token_alone: bool,
    /// Where nodes are heard; without, nobody is.
    pub broker: Option<Broker>,
}

/// A server that has started.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where it listens, for whoever is on this machine.
    pub url: String,
    /// How many users there are.
    pub users: usize,
}

/// Why it could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// HQ.
    #[error(transparent)]
    Hq(#[from] HqError),
    /// The port.
    #[error(transparent)]
    Http(#[from] http::HttpError),
}

/// Serves until told to stop.
pub async fn serve(
    config: ServerConfig,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    started: impl FnOnce(&Arc<Hq>, &Started),
) -> Result<Drained, ServeError> {
    let hq = Arc::new(Hq::open(config.hq).await?);
    hq.registry().add_tenant(&super::acts::Actor::local(), &config.tenant).await?;
    hq.artefacts().clear_unfinished()?;
    hq.begin().await?;
    hq.finish_epochs().await?;
    let secure = config.http.tls.is_some();
    let asks_certificates = secure && !config.token_alone;
    let mut listener = Listener::bind(config.http).await?;
    if asks_certificates {
        listener = listener.asking_for_certificates(hq.authority().certificate())?;
    } else {
        tracing::info!("HQ sees no certificates of nodes here: their token alone lets them in");
    }
    let (tell, standing) = watch::channel(Standing::Away);
    let health = Arc::new(Health::default());
    let service = Arc::new(Service {
        hq: Arc::clone(&hq),
        metrics: Arc::clone(&metrics),
        health: Arc::clone(&health),
        line: standing,
        body: BODY,
        sessions: Sessions::default(),
        secure,
        asks_certificates,
        stop: stop.clone(),
    });
    let listening = tokio::spawn(listen(Arc::clone(&hq), config.broker, tell, stop.clone()));
    let tidying = tokio::spawn(tidy(Arc::clone(&hq), stop.clone()));
    let living = tokio::spawn(live(Arc::clone(&hq), stop.clone()));
    let deploying = tokio::spawn(deployments::run(Arc::clone(&hq), stop.clone()));
    let folding = tokio::spawn(fold(Arc::clone(&hq), stop.clone()));
    let users = hq.users().await?.len();
    started(&hq, &Started { url: listener.url(), users });
    let drained = listener.run(api::router(service), metrics, health, stop.clone()).await;
    stop.cancel();
    let _ = tokio::join!(listening, tidying, living, deploying, folding);
    Ok(drained?)
}

async fn listen(
    hq: Arc<Hq>,
    broker: Option<Broker>,
    standing: watch::Sender<Standing>,
    stop: CancellationToken,
) {
    let Some(broker) = broker else { return stop.cancelled().await };
    // A name that is taken would throw the other HQ out, again and again.
    let name = format!("endcap-hq-{:08x}", getrandom::u32().unwrap_or_default());
    let told = Arc::default();
    let connect = move || MqttWire::connect(&broker, &name).map(|wire| wire.telling(&told));
    line::run(hq, connect, standing, stop).await;
}

/// Notes that HQ lives, makes epochs of facts that had to begin anew, and forgets a key that no box
/// believes any more.
async fn live(hq: Arc<Hq>, stop: CancellationToken) {
    let work = async {
        loop {
            sleep(ALIVE_PERIOD).await;
            let done = match hq.note_alive().await {
                Ok(()) => hq.finish_epochs().await,
                Err(error) => Err(error),
            };
            let done = match done {
                Ok(()) => hq.finish_rotation().await.map(drop),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                tracing::error!(%error, "HQ could not note that it lives");
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// Removes what is old, and makes room for others between two parts.
async fn tidy(hq: Arc<Hq>, stop: CancellationToken) {
    let mut period = interval(TIDY_PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let work = async {
        loop {
            period.tick().await;
            loop {
                match hq.tidy(now()).await {
                    Ok(true) => sleep(TIDY_PAUSE).await,
                    Ok(false) => break,
                    Err(error) => {
                        tracing::error!(%error, "what is old could not be removed");
                        break;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// Folds what was measured into history, a part at a time.
async fn fold(hq: Arc<Hq>, stop: CancellationToken) {
    let work = async {
        loop {
            match hq.fold(now()).await {
                Ok(true) => sleep(FOLD_PAUSE).await,
                Ok(false) => sleep(FOLD_PERIOD).await,
                Err(error) => {
                    tracing::error!(%error, "measured values could not be folded");
                    sleep(FOLD_PERIOD).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

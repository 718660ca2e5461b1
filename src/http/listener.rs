//! Accepts connections up to a limit, and drains them at the end.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::config::{Config, HttpError};
use super::connection::Door;
use super::door::dress;
use super::health::{Health, Stage};
use super::peer;
use super::refusal;
use super::tls::Tls;
use crate::telemetry::Metrics;

/// Where the system gives no more sockets, it is asked again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that are being told there is no room.
const MAX_REFUSALS: usize = 32;

/// How draining went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy when the time was up, and were cut.
    pub cut: usize,
}

/// An open port.
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    config: Config,
}

impl Listener {
    /// Opens the port and reads the certificate.
    pub async fn bind(config: Config) -> Result<Self, HttpError> {
        let tls = config.tls.as_ref().map(Tls::open).transpose()?;
        let fault = |source| HttpError::Bind { address: config.listen, source };
        let tcp = TcpListener::bind(config.listen).await.map_err(fault)?;
        let address = tcp.local_addr().map_err(fault)?;
        Ok(Self { tcp, address, tls, config })
    }

    /// Asks whoever connects over TLS for a certificate of this authority (PEM). Who has none is let
    /// in; who shows one of somebody else, or one that is over, is not. Without TLS nobody is asked.
    pub fn asking_for_certificates(mut self, authority: &str) -> Result<Self, HttpError> {
        let clients = peer::verifier(authority)?;
        self.tls = self.tls.map(|tls| tls.asking(clients)).transpose()?;
        Ok(self)
    }

    /// Where it listens; the real port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A base address that works on this machine, as `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("{scheme}://{address}")
    }

    /// Serves until `stop`, then takes no new connection, lets running requests end for the
    /// configured time and cuts the rest. Takes the stage from ready to draining.
    pub async fn run(
        self,
        router: Router,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        stop: CancellationToken,
    ) -> Result<Drained, HttpError> {
        let router = dress(router, &self.config.cors_origins, &metrics)?;
        let door = Arc::new(Door::new(router, self.tls, &self.config, stop.clone()));
        let places = Arc::new(Semaphore::new(self.config.max_connections));
        let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
        let mut connections = JoinSet::new();
        let mut acceptor = Acceptor::new(|| self.tcp.accept());
        health.enter(Stage::Ready);
        loop {
            let (stream, _) = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = acceptor.next() => accepted,
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                metrics.connection_refused();
                let Ok(slot) = Arc::clone(&refusals).try_acquire_owned() else { continue };
                let encrypted = door.is_encrypted();
                connections.spawn(async move {
                    let _slot = slot;
                    if !encrypted {
                        refusal::send(stream, &refusal::too_many_connections()).await;
                    }
                });
                continue;
            };
            let (door, open) = (Arc::clone(&door), Open::begin(&metrics));
            connections.spawn(async move {
                let _held = (place, open);
                door.serve(stream).await;
            });
        }
        drop(self.tcp);
        health.enter(Stage::Draining);
        Ok(drain(connections, self.config.drain_timeout).await)
    }
}

/// Connections one by one. Where the system gives none, it is asked again after a pause that is
/// kept whole however often [`Self::next`] is begun anew.
struct Acceptor<A> {
    accept: A,
    resume: Option<Instant>,
}

impl<T, F: Future<Output = io::Result<T>>, A: FnMut() -> F> Acceptor<A> {
    fn new(accept: A) -> Self {
        Self { accept, resume: None }
    }

    /// May be dropped at any time; nothing is lost.
    async fn next(&mut self) -> T {
        loop {
            if let Some(resume) = self.resume {
                sleep_until(resume).await;
                self.resume = None;
            }
            match (self.accept)().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.resume = Some(Instant::now() + ACCEPT_PAUSE);
                }
            }
        }
    }
}

async fn drain(mut connections: JoinSet<()>, limit: Duration) -> Drained {
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(limit, all).await;
    let cut = connections.len();
    connections.shutdown().await;
    if cut > 0 {
        tracing::warn!(cut, "connections were cut at the end of draining");
    }
    Drained { cut }
}

/// Counts one open connection while it lives.
struct Open(Arc<Metrics>);

impl Open {
    fn begin(metrics: &Arc<Metrics>) -> Self {
        metrics.connection_opened();
        Self(Arc::clone(metrics))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connection_closed();
    }
}

#[cfg(test)]
mod tests;

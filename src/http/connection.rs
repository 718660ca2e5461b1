//! One connection: handshake, requests, idle time, its end.

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::config::Config;
use super::guarded::Guarded;
use super::leftover::Leftover;
use super::peer::PeerCertificate;
use super::problem::Problem;
use super::refusal;
use super::tls::Tls;
use super::wire::Wire;

const PING_PERIOD: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// For a client to read the end of its response, after the handler had to be done.
pub(super) const READING_TIME: Duration =
    Duration::from_millis(if cfg!(test) { 300 } else { 30_000 });
/// A request's head: all header lines together.
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 100;

/// What every connection shares.
pub(super) struct Door {
    router: Router,
    tls: Option<Tls>,
    protocols: Builder<TokioExecutor>,
    header_timeout: Duration,
    request_limit: Duration,
    stop: CancellationToken,
}

impl Door {
    pub(super) fn new(
        router: Router,
        tls: Option<Tls>,
        config: &Config,
        stop: CancellationToken,
    ) -> Self {
        let mut protocols = Builder::new(TokioExecutor::new());
        protocols
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS);
        protocols
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(config.max_streams_per_connection)
            .max_header_list_size(MAX_HEAD_BYTES as u32)
            .keep_alive_interval(PING_PERIOD)
            .keep_alive_timeout(PING_TIMEOUT);
        Self {
            router,
            tls,
            protocols,
            header_timeout: config.header_timeout,
            request_limit: config.request_timeout + config.body.timeout + READING_TIME,
            stop,
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves the requests of a connection until it ends, is idle too long or all must stop.
    pub(super) async fn serve(&self, stream: TcpStream) {
        // Tokens go out one by one; waiting to fill a packet would hold each back.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.speak(stream, None).await,
            Some(tls) => {
                let handshake = timeout(self.header_timeout, tls.acceptor().accept(stream));
                let stream = tokio::select! {
                    () = self.stop.cancelled() => return,
                    done = handshake => done,
                };
                match stream {
                    Ok(Ok(stream)) => {
                        let peer = PeerCertificate::of(stream.get_ref().1.peer_certificates());
                        self.speak(stream, peer).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "a tls handshake failed"),
                    Err(_) => tracing::debug!("a tls handshake took too long"),
                }
            }
        }
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Option<PeerCertificate>,
    ) {
        let (running, mut watched) = watch::channel(0usize);
        let wire = Wire::new(stream, watched.clone());
        let cut = CancellationToken::new();
        let service = service_fn(|mut request: Request<Incoming>| {
            wire.request_begins();
            if let Some(peer) = &peer {
                request.extensions_mut().insert(peer.clone());
            }
            let request_ends = Running::begin(&running, self.request_limit, cut.clone());
            answer(self.router.clone(), request_ends, request)
        });
        let connection = self.protocols.serve_connection(TokioIo::new(wire.end()), service);
        let served = async {
            let mut connection = pin!(connection);
            let late = tokio::select! {
                ended = connection.as_mut() => return Ending::of(ended),
                () = self.stop.cancelled() => false,
                () = idle(&mut watched, self.header_timeout) => true,
            };
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => if late { Ending::Late } else { Ending::of(ended) },
                // An HTTP/2 client need not take note that it is told to go.
                () = idle(&mut watched, self.header_timeout), if late => Ending::Late,
            }
        };
        let ending = tokio::select! {
            ending = served => ending,
            () = cut.cancelled() => {
                tracing::debug!("a connection was cut: its client does not read");
                return;
            }
        };
        let refusal = self.refusal(&ending, &wire);
        let Some(stream) = wire.into_stream() else { return };
        match refusal {
            Some(problem) => refusal::send(stream, &problem).await,
            None => refusal::close(stream).await,
        }
    }

    /// What is left to be said to a client that was to send a head.
    fn refusal<S>(&self, ending: &Ending, wire: &Wire<S>) -> Option<Problem> {
        if !wire.awaits_head() {
            return None;
        }
        match ending {
            Ending::Late if wire.head_begun() => Some(refusal::head_too_slow(self.header_timeout)),
            Ending::TooLarge => Some(refusal::head_too_large(MAX_HEAD_BYTES, MAX_HEADERS)),
            Ending::Broken(why) => Some(refusal::broken_head(why)),
            Ending::Incomplete if wire.head_begun() => Some(refusal::broken_head("it breaks off")),
            Ending::Done | Ending::Late | Ending::Incomplete => None,
        }
    }
}

/// Why a connection ends.
enum Ending {
    /// All was said, or nobody is there to hear more.
    Done,
    /// No head came within the time for it.
    Late,
    /// A head is over the limits.
    TooLarge,
    /// A head is not HTTP/1.1; hyper's words for it.
    Broken(String),
    /// The client ended its side before its head, or before it was answered.
    Incomplete,
}

impl Ending {
    fn of(ended: Result<(), Box<dyn Error + Send + Sync>>) -> Self {
        let Err(error) = ended else { return Self::Done };
        tracing::debug!(%error, "a connection broke off");
        match error.downcast_ref::<hyper::Error>() {
            Some(error) if error.is_timeout() => Self::Late,
            Some(error) if error.is_parse_too_large() => Self::TooLarge,
            Some(error) if error.is_parse() => Self::Broken(error.to_string()),
            Some(error) if error.is_incomplete_message() => Self::Incomplete,
            _ => Self::Done,
        }
    }
}

async fn answer(
    router: Router,
    running: Running,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (left, running) = (Leftover::default(), Arc::new(running));
    let response = router.oneshot(left.of(request)).await?;
    left.discard(response.status(), Arc::clone(&running));
    Ok(response.map(|body| Guarded::wrap(body, running)))
}

/// Returns when no request has been running for this long.
async fn idle(running: &mut watch::Receiver<usize>, limit: Duration) {
    loop {
        if running.wait_for(|count| *count == 0).await.is_err() {
            return;
        }
        if timeout(limit, running.changed()).await.is_err() {
            return;
        }
    }
}

/// Counts a request of a connection until its response's last byte, and cuts the connection when
/// that takes too long: a client that stops reading never lets a response come to its own end.
struct Running {
    count: watch::Sender<usize>,
    limit: AbortHandle,
}

impl Running {
    fn begin(count: &watch::Sender<usize>, limit: Duration, cut: CancellationToken) -> Self {
        count.send_modify(|n| *n += 1);
        let limit = tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            cut.cancel();
        });
        Self { count: count.clone(), limit: limit.abort_handle() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.limit.abort();
        self.count.send_modify(|n| *n = n.saturating_sub(1));
    }
}

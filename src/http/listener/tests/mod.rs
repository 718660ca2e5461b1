use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::http::connection::READING_TIME;
use crate::http::{BodyLimits, PeerCertificate, read_body};

mod heads;
mod tls;
mod unread;

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    health: Arc<Health>,
    task: JoinHandle<Drained>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    dropped: AtomicUsize,
}

/// Counts when it is made and when it is dropped: a handler's future or a response's body is there
/// or gone.
struct Witness(Arc<Counts>);

impl Witness {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.begun.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn routes(counts: &Arc<Counts>) -> Router {
    let (handler, body, slow) = (Arc::clone(counts), Arc::clone(counts), Arc::clone(counts));
    let limits = BodyLimits { bytes: 1000, timeout: Duration::from_millis(300) };
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/who", get(who))
        .route("/unread", post(|| async { (StatusCode::FORBIDDEN, "no") }))
        .route(
            "/slow",
            get(move || {
                slow.begun.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(300))
            }),
        )
        .route(
            "/read",
            post(move |headers: HeaderMap, body: Body| async move {
                match read_body(&headers, body, limits).await {
                    Ok(bytes) => bytes.len().to_string().into_response(),
                    Err(problem) => problem.into_response(),
                }
            }),
        )
        .route(
            "/never",
            post(move |_: Bytes| {
                let witness = Witness::new(&handler);
                async move {
                    let _witness = witness;
                    std::future::pending::<()>().await;
                }
            }),
        )
        .route(
            "/stream",
            post(move |_: Bytes| {
                let witness = Witness::new(&body);
                async move {
                    let ticks = futures_util::stream::unfold(witness, |witness| async move {
                        sleep(Duration::from_millis(10)).await;
                        Some((Ok::<_, std::io::Error>("tick\n"), witness))
                    });
                    Body::from_stream(ticks)
                }
            }),
        )
        .route(
            "/flood",
            get(|| async {
                let piece = Bytes::from(vec![b'x'; 1 << 16]);
                Body::from_stream(futures_util::stream::repeat_with(move || {
                    Ok::<_, std::io::Error>(piece.clone())
                }))
            }),
        )
}

/// Who the client has shown to be.
async fn who(peer: Option<Extension<PeerCertificate>>) -> String {
    peer.map_or("nobody".to_owned(), |peer| format!("{} bytes", peer.der().len()))
}

async fn start(edit: impl FnOnce(&mut Config)) -> Server {
    start_with(edit, |listener| listener).await
}

async fn start_with(
    edit: impl FnOnce(&mut Config),
    finish: impl FnOnce(Listener) -> Listener,
) -> Server {
    let mut config = Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    edit(&mut config);
    let listener = finish(Listener::bind(config).await.unwrap());
    let address = listener.address();
    let (stop, health) = (CancellationToken::new(), Arc::new(Health::default()));
    let counts = Arc::new(Counts::default());
    let run =
        listener.run(routes(&counts), Arc::new(Metrics::new()), Arc::clone(&health), stop.clone());
    let task = tokio::spawn(async move { run.await.unwrap() });
    Server { address, stop, health, task, counts }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, request: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Whether so many handlers begin.
    async fn begins(&self, count: usize) -> bool {
        reaches(&self.counts.begun, count).await
    }

    async fn drops(&self, count: usize) -> bool {
        reaches(&self.counts.dropped, count).await
    }
}

async fn reaches(counter: &AtomicUsize, count: usize) -> bool {
    let end = Instant::now() + PATIENCE;
    while counter.load(Ordering::SeqCst) < count {
        if Instant::now() > end {
            return false;
        }
        sleep(Duration::from_millis(5)).await;
    }
    true
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads up to and including the first place where this stands.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        bytes.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

const CLOSE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

fn ask(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}")
}

#[tokio::test]
async fn a_request_is_answered() {
    let server = start(|_| ()).await;
    let mut stream = server.send(CLOSE).await;
    let text = read_all(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("hello"), "{text}");
    assert_eq!(server.health.stage(), Stage::Ready);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_what_it_asked_for() {
    let server = start(|_| ()).await;
    for (index, path) in ["/never", "/stream"].into_iter().enumerate() {
        let mut stream = server.send(&ask(path)).await;
        assert!(server.begins(index + 1).await);
        if path == "/stream" {
            let mut some = [0; 64];
            assert!(stream.read(&mut some).await.unwrap() > 0);
        }
        assert_eq!(server.counts.dropped.load(Ordering::SeqCst), index, "{path}: too early");
        drop(stream);
        assert!(server.drops(index + 1).await, "{path}: goes on without a client");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_half_has_gone_away() {
    let server = start(|_| ()).await;
    for (index, path) in ["/never", "/stream"].into_iter().enumerate() {
        let mut stream = server.send(&ask(path)).await;
        assert!(server.begins(index + 1).await);
        stream.shutdown().await.unwrap();
        assert!(server.drops(index + 1).await, "{path}: goes on without a client");
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let server = start(|config| config.max_connections = 1).await;
    let held = server.send(&ask("/never")).await;
    assert!(server.begins(1).await);
    let mut refused = server.send(CLOSE).await;
    let text = read_all(&mut refused).await;
    let (status, body) = last_answer(&text);
    assert_eq!((status, body["error"]["code"].as_str()), (503, Some("connection_limit")));
    assert!(text.contains("retry-after: 1\r\n"), "{text}");
    drop(held);
    assert!(server.drops(1).await);
    // The handler is gone a moment before its connection's place is free.
    let end = Instant::now() + PATIENCE;
    loop {
        let mut welcome = server.send(CLOSE).await;
        if read_all(&mut welcome).await.starts_with("HTTP/1.1 200") {
            return;
        }
        assert!(Instant::now() < end, "the place stays taken");
    }
}

/// One answer as sent: its status and its body, which ends the text.
fn last_answer(text: &str) -> (u16, serde_json::Value) {
    let (_, answer) = text.rsplit_once("HTTP/1.1 ").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{text}");
    for header in ["connection: close", "content-type: application/json", "x-request-id: req_"] {
        assert!(head.contains(header), "{header} is not in {text}");
    }
    (head[..3].parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// HTTP/2's connection preface and an empty SETTINGS frame.
const HTTP_2: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
const HELLO: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_pause_of_the_listener_is_kept_whole() {
    let mut asked = 0;
    let began = Instant::now();
    let mut acceptor = Acceptor::new(|| {
        asked += 1;
        std::future::ready(Err::<(), _>(io::Error::other("no more sockets")))
    });
    for _ in 0..20 {
        // As a connection that ends does: the wait begins anew.
        assert!(timeout(Duration::from_millis(10), acceptor.next()).await.is_err());
    }
    let pauses = began.elapsed().as_millis() / ACCEPT_PAUSE.as_millis();
    assert!(asked <= pauses + 1, "asked {asked} times in {pauses} pauses");
}

#[tokio::test]
async fn a_large_body_is_refused_and_the_refusal_arrives() {
    let server = start(|_| ()).await;
    let bytes = 10 << 20;
    let mut stream = server
        .send(&format!(
            "POST /read HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n"
        ))
        .await;
    stream.write_all(&vec![b'x'; bytes]).await.unwrap();
    let text = read_all(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    assert!(text.contains("the body has 10485760 bytes; the limit is 1000"), "{text}");
}

#[tokio::test]
async fn a_client_that_stops_reading_is_cut() {
    let server = start(|config| {
        config.request_timeout = Duration::from_millis(1);
        config.body.timeout = Duration::from_millis(1);
    })
    .await;
    let mut stream = server.send("GET /flood HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(READING_TIME + Duration::from_millis(300)).await;
    let mut scrap = vec![0; 1 << 20];
    let ended =
        timeout(PATIENCE, async { while matches!(stream.read(&mut scrap).await, Ok(1..)) {} });
    assert!(ended.await.is_ok(), "the flood goes on");
}

#[tokio::test]
async fn stopping_lets_running_requests_end_and_cuts_those_that_do_not() {
    let server = start(|config| config.drain_timeout = Duration::from_secs(3)).await;
    let mut idle = server.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut slow = server.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut never = server.send(&ask("/never")).await;
    assert!(server.begins(2).await);
    server.stop.cancel();
    assert!(read_all(&mut idle).await.ends_with("hello"));
    assert_eq!(server.health.stage(), Stage::Draining);
    assert!(TcpStream::connect(server.address).await.is_err(), "still listens");
    assert!(read_all(&mut slow).await.starts_with("HTTP/1.1 200"), "was not let to its end");
    assert_eq!(read_all(&mut never).await, "");
    assert!(server.drops(1).await);
    assert_eq!(server.task.await.unwrap(), Drained { cut: 1 });
}

//! A model hub and its file host on two ports, with faults to order.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use tokio_stream::StreamExt as _;

/// What goes wrong with one transfer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// The connection ends after so many bytes of the answer.
    CutAfter(usize),
    /// Nothing more comes after so many bytes, and the connection stays.
    StandStillAfter(usize),
    /// Every byte is another one.
    OtherBytes,
    /// The range is not honoured.
    WholeFile,
    /// Bytes are sent beyond the file's end, without a length.
    TooMany,
    /// A status instead of the file.
    Status(u16),
}

/// What was asked of the file host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) range: Option<String>,
    pub(super) if_range: Option<String>,
    pub(super) token: Option<String>,
}

#[derive(Clone)]
pub(super) struct Hub {
    pub(super) endpoint: String,
    pub(super) host: SocketAddr,
    file: Arc<Vec<u8>>,
    /// Entity tag as the hub tells it.
    etag: String,
    /// Answer of the hub itself, if not the redirect.
    pub(super) status: Arc<Mutex<Option<u16>>>,
    pub(super) faults: Arc<Mutex<VecDeque<Fault>>>,
    /// Transfers, without the questions for the size.
    pub(super) asked: Arc<Mutex<Vec<Asked>>>,
    pub(super) hub_token: Arc<Mutex<Option<String>>>,
}

impl Hub {
    pub(super) async fn start(file: &[u8], etag: &str, faults: &[Fault]) -> Self {
        let listen = || tokio::net::TcpListener::bind("127.0.0.1:0");
        let (hub, host) = (listen().await.unwrap(), listen().await.unwrap());
        let this = Self {
            endpoint: format!("http://{}", hub.local_addr().unwrap()),
            host: host.local_addr().unwrap(),
            file: Arc::new(file.to_vec()),
            etag: etag.to_owned(),
            status: Arc::default(),
            faults: Arc::new(Mutex::new(faults.iter().copied().collect())),
            asked: Arc::default(),
            hub_token: Arc::default(),
        };
        let resolve = Router::new()
            .route("/{owner}/{name}/resolve/{revision}/{*file}", get(resolve))
            .with_state(this.clone());
        let files = Router::new().route("/file", get(file_answer)).with_state(this.clone());
        tokio::spawn(async move { axum::serve(hub, resolve).await });
        tokio::spawn(async move { axum::serve(host, files).await });
        this
    }

    pub(super) fn file_url(&self) -> String {
        format!("http://{}/file", self.host)
    }

    pub(super) fn ranges(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().iter().map(|a| a.range.clone()).collect()
    }
}

async fn resolve(State(hub): State<Hub>, headers: HeaderMap) -> Response<Body> {
    *hub.hub_token.lock().unwrap() = text(&headers, header::AUTHORIZATION);
    if let Some(status) = *hub.status.lock().unwrap() {
        return Response::builder().status(status).body(Body::empty()).unwrap();
    }
    Response::builder()
        .status(StatusCode::FOUND)
        .header("X-Repo-Commit", "0123456789abcdef")
        .header("X-Linked-Etag", format!("\"{}\"", hub.etag))
        .header("X-Linked-Size", hub.file.len())
        .header(header::LOCATION, hub.file_url())
        .body(Body::empty())
        .unwrap()
}

async fn file_answer(State(hub): State<Hub>, request: Request) -> Response<Body> {
    let headers = request.headers();
    let asked = Asked {
        range: text(headers, header::RANGE),
        if_range: text(headers, header::IF_RANGE),
        token: text(headers, header::AUTHORIZATION),
    };
    let range = asked.range.clone();
    let mut fault = None;
    if range.as_deref() != Some("bytes=0-0") {
        fault = hub.faults.lock().unwrap().pop_front();
        hub.asked.lock().unwrap().push(asked);
    }
    let all = hub.file.len();
    let (mut start, mut end) = (0, all);
    let mut status = StatusCode::OK;
    if let Some(range) = range.filter(|_| !matches!(fault, Some(Fault::WholeFile | Fault::TooMany)))
    {
        let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        start = from.parse().unwrap();
        end = to.parse::<usize>().map_or(all, |last| (last + 1).min(all));
        status = StatusCode::PARTIAL_CONTENT;
    }
    let mut bytes = hub.file[start..end].to_vec();
    let length = bytes.len();
    let answer = Response::builder()
        .status(status)
        .header(header::ETAG, "\"of-the-host\"")
        .header(header::CONTENT_RANGE, format!("bytes {start}-{}/{all}", end.saturating_sub(1)));
    match fault {
        Some(Fault::Status(code)) => {
            return Response::builder().status(code).body(Body::empty()).unwrap();
        }
        Some(Fault::CutAfter(sent)) => {
            bytes.truncate(sent);
            let pieces = pieces(bytes).chain(tokio_stream::once(Err(io::Error::other("cut"))));
            return answer
                .header(header::CONTENT_LENGTH, length)
                .body(Body::from_stream(pieces))
                .unwrap();
        }
        Some(Fault::StandStillAfter(sent)) => {
            bytes.truncate(sent);
            let pieces = pieces(bytes).chain(tokio_stream::pending());
            return answer
                .header(header::CONTENT_LENGTH, length)
                .body(Body::from_stream(pieces))
                .unwrap();
        }
        Some(Fault::TooMany) => {
            bytes.extend([0; 100]);
            return answer.body(Body::from_stream(pieces(bytes))).unwrap();
        }
        Some(Fault::OtherBytes) => bytes.iter_mut().for_each(|b| *b = !*b),
        Some(Fault::WholeFile) | None => {}
    }
    answer.header(header::CONTENT_LENGTH, length).body(Body::from(bytes)).unwrap()
}

/// Small pieces with a moment between them, so that they are on their way before a cut.
fn pieces(bytes: Vec<u8>) -> impl tokio_stream::Stream<Item = io::Result<Vec<u8>>> {
    let pieces: Vec<Vec<u8>> = bytes.chunks(1000).map(<[u8]>::to_vec).collect();
    tokio_stream::iter(pieces).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(piece)
    })
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).map(|v| v.to_str().unwrap().to_owned())
}

//! An artefact store on loopback, with faults to order.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::protocol::Digest;
use crate::protocol::documents::artefact_path;
use crate::reconcile::fetch::Origin;

/// What goes wrong with one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    /// Nothing more comes after so many bytes, and the connection stays.
    StandStillAfter(usize),
    /// Every byte is another one.
    OtherBytes,
    /// The range is not honoured.
    WholeFile,
    /// A status instead of the file.
    Status(u16),
}

/// The store. A clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct ArtefactStore {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    files: BTreeMap<String, Vec<u8>>,
    faults: VecDeque<Fault>,
    /// For every answer once the ordered ones are used up.
    always: Option<Fault>,
    asked: Vec<Option<(u64, u64)>>,
    /// What it wants to see in `Authorization`.
    wanted: Option<String>,
    sent_bytes: u64,
}

impl ArtefactStore {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket, Arc::clone(&served)));
            }
        });
        Self { address, shared }
    }

    /// Puts a file at the path of its digest.
    pub(crate) fn put(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.put_at(digest, bytes);
        digest
    }

    /// Puts a file at the path of any digest.
    pub(crate) fn put_at(&self, digest: Digest, bytes: &[u8]) {
        let path = format!("/{}", &*artefact_path(digest));
        self.shared.lock().unwrap().files.insert(path, bytes.to_vec());
    }

    pub(crate) fn remove(&self, digest: Digest) {
        let path = format!("/{}", &*artefact_path(digest));
        self.shared.lock().unwrap().files.remove(&path);
    }

    pub(crate) fn order(&self, faults: &[Fault]) {
        self.shared.lock().unwrap().faults.extend(faults);
    }

    pub(crate) fn always(&self, fault: Option<Fault>) {
        self.shared.lock().unwrap().always = fault;
    }

    /// The ranges that were asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<Option<(u64, u64)>> {
        std::mem::take(&mut self.shared.lock().unwrap().asked)
    }

    /// Lets in only who has this token.
    pub(crate) fn let_in(&self, token: &str) {
        self.shared.lock().unwrap().wanted = Some(format!("authorization: bearer {token}"));
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        self.shared.lock().unwrap().sent_bytes
    }

    pub(crate) fn origin(&self, wan: bool) -> Origin {
        Origin { base: format!("http://{}/", self.address), wan, token_file: None }
    }
}

async fn answer(mut socket: TcpStream, shared: Arc<Mutex<Shared>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read_exact(&mut byte).await.is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split_whitespace().nth(1).unwrap().to_owned();
    let range = head.lines().find_map(|line| {
        let range = line.to_ascii_lowercase().strip_prefix("range: bytes=")?.to_owned();
        let (first, last) = range.split_once('-')?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    });
    let (file, fault) = {
        let mut shared = shared.lock().unwrap();
        shared.asked.push(range);
        let seen = |wanted: &String| head.to_ascii_lowercase().lines().any(|line| line == wanted);
        if shared.wanted.as_ref().is_some_and(|wanted| !seen(wanted)) {
            shared.faults.push_front(Fault::Status(401));
        }
        (shared.files.get(&path).cloned(), shared.faults.pop_front().or(shared.always))
    };
    let (status, body, about) = body(file, range, fault);
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n{about}\r\n",
        body.len()
    );
    let (send, stay) = match fault {
        Some(Fault::CutAfter(bytes)) => (bytes.min(body.len()), false),
        Some(Fault::StandStillAfter(bytes)) => (bytes.min(body.len()), true),
        _ => (body.len(), false),
    };
    shared.lock().unwrap().sent_bytes += send as u64;
    drop(socket.write_all(head.as_bytes()).await);
    drop(socket.write_all(&body[..send]).await);
    drop(socket.flush().await);
    if stay {
        std::future::pending::<()>().await;
    }
}

fn body(
    file: Option<Vec<u8>>,
    range: Option<(u64, u64)>,
    fault: Option<Fault>,
) -> (u16, Vec<u8>, String) {
    if let Some(Fault::Status(status)) = fault {
        return (status, Vec::new(), String::new());
    }
    let Some(mut file) = file else { return (404, Vec::new(), String::new()) };
    if fault == Some(Fault::OtherBytes) {
        file.iter_mut().for_each(|byte| *byte ^= 0xff);
    }
    match range.filter(|_| fault != Some(Fault::WholeFile)) {
        None => (200, file, String::new()),
        Some((first, last)) => {
            let about = format!("Content-Range: bytes {first}-{last}/{}\r\n", file.len());
            (206, file[first as usize..=last as usize].to_vec(), about)
        }
    }
}

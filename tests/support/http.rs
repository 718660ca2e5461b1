//! A plain HTTP/1.1 client that can also misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::admin;

/// Longest wait for a byte.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let headers = Vec::new();
        Self { method: method.into(), path: path.into(), headers, body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::post_bytes(path, body.to_string().into_bytes())
    }

    pub(crate) fn post_bytes(path: &str, body: Vec<u8>) -> Self {
        Self::post_raw(path, body).header("content-type", "application/json")
    }

    /// Without saying what the body is.
    pub(crate) fn post_raw(path: &str, body: Vec<u8>) -> Self {
        Self::raw("POST", path, body)
    }

    /// The same by any method.
    pub(crate) fn raw(method: &str, path: &str, body: Vec<u8>) -> Self {
        Self { body, ..Self::new(method, path) }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Without any token.
    pub(crate) fn anonymous(self) -> Self {
        self.header("authorization", "")
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: endcap\r\n", self.method, self.path);
        let mut headers = self.headers.clone();
        if !headers.iter().any(|(name, _)| name == "authorization") {
            headers.push(("authorization".into(), format!("Bearer {}", admin())));
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("connection: close\r\ncontent-length: {}\r\n\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }

    /// Sends and reads the whole answer.
    pub(crate) fn send(&self, address: &str) -> Answer {
        let mut stream = self.open(address);
        Answer::read(&mut stream)
    }

    /// Sends and leaves the answer to be read.
    pub(crate) fn open(&self, address: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A server that refuses early may close before all is sent; its answer tells.
        let _ = stream.write_all(&self.bytes());
        BufReader::new(stream)
    }

    /// Sends and reads server-sent events one by one.
    pub(crate) fn stream(&self, address: &str) -> Events {
        self.try_stream(address)
            .unwrap_or_else(|refused| panic!("{}: {}", refused.status, refused.text()))
    }

    /// The same, or the answer that refuses it.
    pub(crate) fn try_stream(&self, address: &str) -> Result<Events, Answer> {
        let mut stream = self.open(address);
        match read_head(&mut stream) {
            (200, _) => Ok(Events { stream }),
            (status, headers) => Err(Answer { status, headers, body: rest(&mut stream) }),
        }
    }
}

/// Server-sent events as they come.
pub(crate) struct Events {
    stream: BufReader<TcpStream>,
}

impl Iterator for Events {
    type Item = Value;

    /// The next event's JSON; ends at `[DONE]` or when the connection ends.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            // Chunk sizes and blank lines stand between the events.
            if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return match data.trim() {
                    "[DONE]" => None,
                    data => Some(serde_json::from_str(data).unwrap()),
                };
            }
        }
    }
}

impl Answer {
    pub(crate) fn read(stream: &mut BufReader<TcpStream>) -> Self {
        let (status, headers) = read_head(stream);
        let mut answer = Self { status, headers, body: rest(stream) };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunk(&answer.body);
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|fault| panic!("{fault}: {} {}", self.status, self.text()))
    }
}

fn read_head(stream: &mut BufReader<TcpStream>) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no HTTP answer but `{line}`"));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => return (status, headers),
        }
    }
}

fn rest(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut body = Vec::new();
    // A reset after the answer loses nothing that was sent.
    let _ = stream.read_to_end(&mut body);
    body
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") {
        let size = String::from_utf8_lossy(&body[..end]);
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    whole
}

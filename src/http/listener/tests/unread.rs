//! Requests that are answered before their body was read.

use super::*;

const HEAD: &str = "POST /unread HTTP/1.1\r\nhost: x\r\n";

/// One frame of HTTP/2: its kind, its flags and what it carries, of the first stream.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
}

/// A head as HPACK has it: `POST`, `http`, and this path.
fn head(path: &str) -> Vec<u8> {
    let host = [0x41, 1, b'x'];
    let length = u8::try_from(path.len()).unwrap();
    [&[0x83, 0x86, 0x44, length], path.as_bytes(), &host].concat()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Kinds and flags of the frames of the first stream, until the other side is silent for a moment.
async fn frames(stream: &mut TcpStream) -> Vec<(u8, u8)> {
    let mut seen = Vec::new();
    loop {
        let mut head = [0; 9];
        let read = timeout(Duration::from_millis(500), stream.read_exact(&mut head)).await;
        let Ok(Ok(_)) = read else { return seen };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[8] == 1 {
            seen.push((head[3], head[4]));
        }
    }
}

#[tokio::test]
async fn over_http_2_an_answer_before_the_body_ends_no_stream_that_is_still_sent_on() {
    let server = start(|_| ()).await;
    for path in ["/unread", "/nowhere"] {
        let mut stream = server.send(HTTP_2).await;
        stream.write_all(&frame(HEADERS, END_HEADERS, &head(path))).await.unwrap();
        stream.write_all(&frame(DATA, 0, b"{")).await.unwrap();
        let answer = frames(&mut stream).await;
        assert!(answer.iter().any(|(kind, _)| *kind == HEADERS), "{path}: {answer:?}");
        assert!(answer.iter().any(|(_, flags)| flags & END_STREAM != 0), "{path}: {answer:?}");
        assert!(answer.iter().all(|(kind, _)| *kind != RESET), "{path}: {answer:?}");
        stream.write_all(&frame(DATA, END_STREAM, b"}")).await.unwrap();
        assert_eq!(frames(&mut stream).await, [], "{path}");
    }
}

#[tokio::test]
async fn a_connection_goes_on_behind_a_body_that_nobody_read() {
    let server = start(|config| config.header_timeout = Duration::from_millis(500)).await;
    let mut stream = server.send(&format!("{HEAD}content-length: 9\r\n\r\n12345")).await;
    let refused = read_until(&mut stream, "\r\n\r\nno").await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(!refused.contains("connection: close"), "{refused}");
    sleep(Duration::from_millis(100)).await;
    stream.write_all(b"6789").await.unwrap();
    stream.write_all(HELLO.as_bytes()).await.unwrap();
    read_until(&mut stream, "hello").await;
    // What came late was a body, and no head that was begun.
    let mut stream = server.send(&format!("{HEAD}content-length: 9\r\n\r\n12345")).await;
    read_until(&mut stream, "\r\n\r\nno").await;
    sleep(Duration::from_millis(100)).await;
    stream.write_all(b"6789").await.unwrap();
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_taken_in_within_limits() {
    let server = start(|_| ()).await;
    let began = Instant::now();
    let mut slow = server.send(&format!("{HEAD}content-length: 9\r\n\r\n1")).await;
    let mut endless = server.send(&format!("{HEAD}transfer-encoding: chunked\r\n\r\n")).await;
    let piece = [b"10000\r\n".as_slice(), &[b'x'; 1 << 16], b"\r\n"].concat();
    let mut sent = 0;
    while endless.write_all(&piece).await.is_ok() {
        sent += 1 << 16;
        assert!(sent < 256 << 20, "it is read for ever");
    }
    assert!(read_all(&mut slow).await.starts_with("HTTP/1.1 403"));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_waits_to_be_told_to_send_is_not_told() {
    let server = start(|_| ()).await;
    let expects = format!("{HEAD}content-length: 9\r\nexpect: 100-continue\r\n\r\n");
    let mut stream = server.send(&expects).await;
    let text = read_all(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 403"), "{text}");
}

//! Heads that are slow, broken, too large, or none.

use super::*;

#[tokio::test]
async fn a_slow_client_is_not_waited_for() {
    let server = start(|config| config.header_timeout = Duration::from_millis(200)).await;
    let (half, late) = ("GET / HTTP/1.1\r\nhost:", "head did not arrive within 0.2 s");
    for (first, then, answered) in [
        ("", "", None),
        ("", half, Some(late)),
        ("", "G", Some(late)),
        ("", "PRI * HT", Some(late)),
        (HELLO, "", None),
        (HELLO, half, Some(late)),
        (
            "",
            "POST /read HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\n12",
            Some("body did not arrive within 0.3 s"),
        ),
    ] {
        let mut stream = server.send(first).await;
        if !first.is_empty() {
            read_until(&mut stream, "hello").await;
        }
        stream.write_all(then.as_bytes()).await.unwrap();
        let text = read_all(&mut stream).await;
        let Some(answered) = answered else {
            assert_eq!(text, "", "after {first:?}");
            continue;
        };
        let said = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert!(text.starts_with("HTTP/1.1 408"), "{first:?} {then:?}: {text}");
        assert!(said.contains(answered), "{first:?} {then:?}: {text}");
    }
}

#[tokio::test]
async fn what_is_not_a_head_is_told_why_in_the_form_of_every_error() {
    let server = start(|_| ()).await;
    let long_line = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let many_lines = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(101));
    let long_path = format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(1 << 20));
    for (sent, status, says) in [
        ("\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n", 400, "invalid HTTP method"),
        ("GET / HTTP/9.9\r\n\r\n", 400, "invalid HTTP version"),
        ("GET /\u{7f} HTTP/1.1\r\n\r\n", 400, "invalid URI"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "invalid HTTP header"),
        ("GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400, "content-length"),
        (long_line.as_str(), 431, "65536 bytes"),
        (&many_lines, 431, "100 header lines"),
        (&long_path, 431, "65536 bytes"),
    ] {
        // Alone, behind an answer, and together with a request that has none yet.
        for (first, with) in [("", ""), (HELLO, ""), ("", HELLO)] {
            let mut stream = server.send(first).await;
            if !first.is_empty() {
                read_until(&mut stream, "hello").await;
            }
            // Who is refused early may be hung up on before all is sent.
            let _ = stream.write_all([with, sent].concat().as_bytes()).await;
            let text = read_all(&mut stream).await;
            let place = format!("{:?} after {:?}", &sent[..sent.len().min(40)], [first, with]);
            let answers = 1 + usize::from(!with.is_empty());
            assert_eq!(text.matches("HTTP/1.1 ").count(), answers, "{place}: {text}");
            let (told, body) = last_answer(&text);
            assert_eq!(told, status, "{place}: {text}");
            let message = body["error"]["message"].as_str().unwrap();
            assert!(message.contains(says), "{place}: {message}");
            assert_eq!(body["error"]["type"], "invalid_request_error", "{place}");
        }
    }
}

#[tokio::test]
async fn a_head_that_breaks_off_is_told_so_and_silence_is_not() {
    let server = start(|_| ()).await;
    for (sent, answered) in [("GET / HTTP/1.1\r\nhost: x\r\n", true), ("", false)] {
        let mut stream = server.send(sent).await;
        stream.shutdown().await.unwrap();
        let text = read_all(&mut stream).await;
        assert_eq!(text.starts_with("HTTP/1.1 400") && text.contains("breaks off"), answered);
        assert_eq!(text.is_empty(), !answered, "{text}");
    }
}

#[tokio::test]
async fn an_idle_http_2_connection_ends_in_its_own_words() {
    let server = start(|config| config.header_timeout = Duration::from_millis(200)).await;
    let mut stream = server.send(HTTP_2).await;
    let text = read_all(&mut stream).await;
    assert!(text.starts_with("\0\0") && !text.contains("HTTP/1.1"), "{text:?}");
}

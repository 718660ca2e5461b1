//! The same doors behind a certificate.

use super::*;
use crate::http::TlsFiles;

/// A self-signed certificate for `localhost`, put where the files are; it is its own authority.
fn renew(files: &TlsFiles) -> rcgen::Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    made.cert
}

/// Shakes hands with a server that shows this certificate.
async fn shake_hands(
    server: &Server,
    trusted: &rcgen::Certificate,
    alpn: &str,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut client = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let name = "localhost".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    connector.connect(name, server.connect().await).await
}

#[tokio::test]
async fn tls_speaks_http_1_and_2() {
    let folder = tempfile::tempdir().unwrap();
    let files =
        TlsFiles { certificate: folder.path().join("cert"), key: folder.path().join("key") };
    let certificate = renew(&files);
    let server = start(|config| config.tls = Some(files)).await;
    for (alpn, sent, answered) in [
        ("http/1.1", CLOSE, "HTTP/1.1 200"),
        ("http/1.1", "GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 400"),
        // The server sends a SETTINGS frame of its own.
        ("h2", HTTP_2, "\0\0"),
    ] {
        let mut stream = shake_hands(&server, &certificate, alpn).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut bytes = [0; 64];
        let count = stream.read(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        assert!(text.starts_with(answered), "{alpn}: {text:?}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let files =
        TlsFiles { certificate: folder.path().join("cert"), key: folder.path().join("key") };
    let first = renew(&files);
    let server = start(|config| config.tls = Some(files.clone())).await;
    assert!(shake_hands(&server, &first, "http/1.1").await.is_ok());
    std::fs::write(&files.certificate, "half of a certif").unwrap();
    // Long enough for the server to look again, and to find what it cannot use.
    sleep(Duration::from_millis(1500)).await;
    assert!(shake_hands(&server, &first, "http/1.1").await.is_ok(), "the first goes on");
    let second = renew(&files);
    let end = Instant::now() + PATIENCE;
    while shake_hands(&server, &second, "http/1.1").await.is_err() {
        assert!(Instant::now() < end, "the second is not shown");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(shake_hands(&server, &first, "http/1.1").await.is_err(), "the first is still shown");
}

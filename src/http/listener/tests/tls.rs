//! The same doors behind a certificate.

use rustls_pki_types::PrivateKeyDer;

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
    shake_hands_as(None, server, trusted, alpn).await
}

/// The same as somebody who shows a certificate of their own.
async fn shake_hands_as(
    own: Option<&rcgen::CertifiedKey<rcgen::KeyPair>>,
    server: &Server,
    trusted: &rcgen::Certificate,
    alpn: &str,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let client = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut client = match own {
        None => client.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
            client.with_client_auth_cert(vec![own.cert.der().clone()], key).unwrap()
        }
    };
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

/// Asks who we are to the server; what it answers, or nothing where it hangs up.
async fn who(
    own: Option<&rcgen::CertifiedKey<rcgen::KeyPair>>,
    server: &Server,
    trusted: &rcgen::Certificate,
) -> String {
    let Ok(mut stream) = shake_hands_as(own, server, trusted, "http/1.1").await else {
        return String::new();
    };
    let asked = "GET /who HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    if stream.write_all(asked.as_bytes()).await.is_ok() {
        let _ = stream.read_to_end(&mut answer).await;
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_may_show_a_certificate_of_the_authority_that_is_asked_for_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let files =
        TlsFiles { certificate: folder.path().join("cert"), key: folder.path().join("key") };
    let certificate = renew(&files);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &authority_key);
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let cert = params.signed_by(&signing_key, &issuer).unwrap();
    let known = rcgen::CertifiedKey { cert, signing_key };
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let asking = |listener: Listener| listener.asking_for_certificates(&authority.pem()).unwrap();
    let server = start_with(|config| config.tls = Some(files), asking).await;
    let told = |certificate: &rcgen::Certificate| format!("{} bytes", certificate.der().len());
    assert!(who(Some(&known), &server, &certificate).await.ends_with(&told(&known.cert)));
    assert!(who(None, &server, &certificate).await.ends_with("nobody"));
    assert_eq!(who(Some(&stranger), &server, &certificate).await, "");
}

#[tokio::test]
async fn an_authority_that_is_none_is_refused() {
    for wrong in ["", "no certificate"] {
        let config = Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
        let listener = Listener::bind(config).await.unwrap();
        let error = listener.asking_for_certificates(wrong).map(drop).unwrap_err();
        assert!(error.to_string().contains("authority"), "{error}");
    }
}

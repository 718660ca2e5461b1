//! TLS to a Mosquitto that wants to know who comes.

use std::path::PathBuf;
use std::time::Duration;

use super::authority::Authority;
use super::brokers::{Mosquitto, at};
use super::mqtt::{Address, Client, Credentials, Seen, Version};
use super::*;

struct Guarded {
    mosquitto: Mosquitto,
    folder: tempfile::TempDir,
}

impl Guarded {
    /// A broker that lets in whom its authority vouches for, each under its own name.
    async fn start(authority: &Authority) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let acl = folder.path().join("acl");
        std::fs::write(&acl, "pattern readwrite r/v1/%u/#\n").unwrap();
        let guard = authority.guard(folder.path());
        let settings = format!("{guard}acl_file {}\n", acl.display());
        Self { mosquitto: Mosquitto::start(|_| settings).await, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a client with these credentials sees first.
    async fn first(&self, credentials: Credentials, version: Version) -> (Client, Seen) {
        let port = self.mosquitto.address.port();
        let address = Address { host: "localhost".to_owned(), port, tls: true };
        let broker = at(address, version, Some(credentials));
        let mut client = Client::connect(&broker, "box-a", None).unwrap();
        let seen = tokio::time::timeout(Duration::from_secs(20), client.next()).await;
        (client, seen.unwrap().unwrap())
    }
}

const NAME: &str = "acme/store-1/box-a";

#[tokio::test]
async fn a_node_is_let_in_by_its_certificate_and_speaks_under_its_own_name_only() {
    let authority = Authority::new();
    let guarded = Guarded::start(&authority).await;
    authority.vouch(&guarded.path("node"), NAME);
    for version in [Version::Five, Version::ThreeOne] {
        let credentials = Credentials::in_folder(&guarded.path("node"));
        let (mut client, seen) = guarded.first(credentials, version).await;
        assert_eq!(seen, Seen::Connected);
        client.subscribe(vec!["r/v1/acme/+/+/pres".to_owned()]).unwrap();
        assert!(matches!(client.next().await, Some(Seen::Subscribed { .. })));
        for (payload, place) in [("own", NAME), ("other", "acme/store-2/box-b"), ("again", NAME)] {
            let (topic, payload) = (format!("r/v1/{place}/pres"), payload.into());
            let outgoing = Outgoing { topic, payload, retain: false, counted: false };
            let _ = client.publish(outgoing); // MQTT 5 says that it is refused, and that ends it.
        }
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != "again") {
            let seen = tokio::time::timeout(Duration::from_secs(20), client.next()).await;
            match seen.expect("nothing comes") {
                Some(Seen::Message { payload, .. }) => {
                    heard.push(String::from_utf8(payload).unwrap());
                }
                Some(Seen::Broken(why)) => {
                    assert_eq!(why, "the broker refused a message");
                    break;
                }
                _ => {}
            }
        }
        assert!(heard.iter().all(|payload| payload != "other"), "spoke as another");
        assert!(version == Version::Five || heard == ["own", "again"], "{heard:?}");
    }
}

#[tokio::test]
async fn who_is_not_vouched_for_is_refused_on_either_side() {
    let (authority, other) = (Authority::new(), Authority::new());
    let guarded = Guarded::start(&authority).await;
    authority.vouch(&guarded.path("node"), NAME);
    other.vouch(&guarded.path("forged"), NAME);
    let genuine = Credentials::in_folder(&guarded.path("node"));
    let forged = Credentials::in_folder(&guarded.path("forged"));
    let nobody = Credentials { own: None, ..genuine.clone() };
    let stranger = Credentials { authority: genuine.authority.clone(), ..forged.clone() };
    let deceived = Credentials { authority: forged.authority, ..genuine.clone() };
    for credentials in [nobody, stranger, deceived] {
        let (_, seen) = guarded.first(credentials.clone(), Version::Five).await;
        assert!(matches!(seen, Seen::Broken(_)), "{credentials:?}: {seen:?}");
    }
    let (_, seen) = guarded.first(genuine, Version::Five).await;
    assert_eq!(seen, Seen::Connected);
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    Authority::new().vouch(folder.path(), NAME);
    std::fs::write(path("empty"), "nothing here").unwrap();
    let address: Address = "mqtts://localhost:1".parse().unwrap();
    let open = |credentials| {
        Client::connect(&at(address.clone(), Version::Five, credentials), "box-a", None)
    };
    let whole = Credentials::in_folder(folder.path());
    assert!(open(Some(whole.clone())).is_ok());
    assert!(open(None).unwrap_err().to_string().contains("identity folder"));
    let (certificate, key) = whole.own.clone().unwrap();
    for (credentials, named) in [
        (Credentials { authority: path("missing"), ..whole.clone() }, "missing"),
        (Credentials { authority: path("empty"), ..whole.clone() }, "empty"),
        (Credentials { own: Some((path("empty"), key)), ..whole.clone() }, "empty"),
        (Credentials { own: Some((certificate, path("missing"))), ..whole.clone() }, "missing"),
    ] {
        let error = open(Some(credentials)).unwrap_err().to_string();
        assert!(error.contains(&path(named).display().to_string()), "{error}");
    }
}

//! The written files at a real Mosquitto.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::hq::ingest::Outgoing;
use crate::hq::line::{MqttWire, Seen, Wire};
use crate::hq::enrolment::{make_request, write_identity};
use crate::hq::tests::{House, place};
use crate::hq::Actor;
use crate::protocol::Place;
use crate::sync::mqtt::{Address, Broker, Version};

struct Mosquitto(Child);

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program() -> PathBuf {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&search).collect();
    places.push("/usr/sbin".into());
    let found = places.iter().map(|place| place.join("mosquitto")).find(|path| path.is_file());
    found.expect("mosquitto is not installed: apt-get install mosquitto")
}

async fn mosquitto(folder: &Path, port: u16) -> Mosquitto {
    // Started by root, it would become a user who may not read the files; otherwise this means nothing.
    let file = folder.join("mosquitto.conf");
    let settings = std::fs::read_to_string(&file).unwrap() + "user root\n";
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new(program());
    command.arg("-c").arg(folder.join("mosquitto.conf"));
    let child = Mosquitto(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < end, "mosquitto does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A connection with the credentials of a folder; none where the broker does not take it.
async fn connected(folder: &Path, port: u16, name: &str) -> Option<MqttWire> {
    let broker = Broker {
        address: Address { host: "localhost".to_owned(), port, tls: true },
        version: Version::Five,
        credentials: Some(Credentials::in_folder(folder)),
        login: None,
        keep_alive: Duration::from_secs(30),
    };
    let mut wire = MqttWire::connect(&broker, name).unwrap();
    let first = tokio::time::timeout(Duration::from_secs(20), wire.next()).await.unwrap();
    (first == Some(Seen::Connected)).then_some(wire)
}

/// Enrols a box and writes its identity.
async fn enrolled(house: &House, place: &Place) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let claim = house.hq.add_claim(&Actor::local(), place, 60_000).await.unwrap();
    let (key, request) = make_request().unwrap();
    let identity = house.hq.enrol(&claim.token, &request).await.unwrap();
    write_identity(folder.path(), "https://hq.example", &key, &identity).unwrap();
    folder
}

async fn subscribed(wire: &mut MqttWire, filters: &[&str]) {
    wire.subscribe(filters.iter().map(|filter| (*filter).to_owned()).collect()).unwrap();
    // Mosquitto grants what it will never deliver.
    let seen = tokio::time::timeout(Duration::from_secs(20), wire.next()).await.unwrap();
    assert!(matches!(seen, Some(Seen::Subscribed { .. })), "{seen:?}");
}

fn say(wire: &MqttWire, topic: &str, payload: &str) {
    let (topic, payload) = (topic.to_owned(), payload.as_bytes().to_vec());
    wire.publish(Outgoing { topic, payload, retain: false }).unwrap();
}

/// What arrives until this last message does.
async fn until(wire: &mut MqttWire, last: &str) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_secs(20), wire.next()).await.unwrap() {
            Some(Seen::Message { payload, .. }) => {
                let text = String::from_utf8(payload).unwrap();
                if text == last {
                    return texts;
                }
                texts.push(text);
            }
            Some(_) => {}
            None => return texts,
        }
    }
}

#[tokio::test]
async fn a_node_speaks_and_hears_under_its_own_name_only() {
    let house = House::new().await;
    let (port, files) = (free_port(), tempfile::tempdir().unwrap());
    let plan = BrokerPlan {
        folder: files.path().to_owned(),
        hosts: vec!["localhost".to_owned()],
        port,
        tenants: vec![place().tenant],
    };
    write(&house.hq.config.data_dir, &plan).unwrap();
    let _mosquitto = mosquitto(files.path(), port).await;
    let (mine, theirs) = (place(), "acme/store-1/box-b".parse().unwrap());
    let (my_folder, their_folder) = (enrolled(&house, &mine).await, enrolled(&house, &theirs).await);
    let mut hq = connected(&files.path().join("hq"), port, "hq-1").await.expect("HQ is let in");
    let mut node = connected(my_folder.path(), port, "node-1").await.expect("a node is let in");
    let mut other = connected(their_folder.path(), port, "node-2").await.expect("and another");
    subscribed(&mut hq, &["r/v1/acme/+/+/up/+", "r/v1/acme/+/+/pres"]).await;

    // What a node says under another's name, or as HQ, reaches nobody.
    say(&other, "r/v1/acme/store-1/box-a/up/evt", "forged event");
    say(&other, "r/v1/acme/store-1/box-a/pres", "forged presence");
    say(&other, "r/v1/acme/store-1/box-b/up/evt", "own event");
    say(&node, "r/v1/acme/store-1/box-a/up/evt", "the last");
    assert!(until(&mut hq, "the last").await.iter().all(|text| text == "own event"));

    // Nor does a node hear what is for another, however it asks.
    let asked = ["r/v1/acme/store-1/box-a/cmd/+", "r/v1/#", "#", "r/v1/acme/store-1/box-b/cmd/+"];
    subscribed(&mut other, &asked).await;
    subscribed(&mut node, &["r/v1/acme/store-1/box-a/cmd/+"]).await;
    say(&hq, "r/v1/acme/store-1/box-a/cmd/01", "for box-a");
    say(&hq, "r/v1/acme/store-1/box-a/cmd/02", "the last");
    assert_eq!(until(&mut node, "the last").await, ["for box-a"]);
    say(&hq, "r/v1/acme/store-1/box-b/cmd/01", "the last");
    assert_eq!(until(&mut other, "the last").await, [""; 0]);

    // Forged words of HQ do not reach a node.
    say(&other, "r/v1/acme/store-1/box-a/cmd/03", "forged command");
    say(&other, "r/v1/acme/store-1/box-b/up/evt", "sent after it");
    assert_eq!(until(&mut hq, "sent after it").await, [""; 0]);
    say(&hq, "r/v1/acme/store-1/box-a/cmd/04", "the last");
    assert_eq!(until(&mut node, "the last").await, [""; 0]);
}

#[tokio::test]
async fn nobody_is_let_in_whom_the_authority_does_not_vouch_for() {
    let (house, strangers) = (House::new().await, House::new().await);
    let (port, files) = (free_port(), tempfile::tempdir().unwrap());
    let plan = BrokerPlan {
        folder: files.path().to_owned(),
        hosts: vec!["localhost".to_owned()],
        port,
        tenants: vec![place().tenant],
    };
    write(&house.hq.config.data_dir, &plan).unwrap();
    let _mosquitto = mosquitto(files.path(), port).await;
    let stranger = enrolled(&strangers, &place()).await;
    // It knows the broker's authority, but has a certificate of another one.
    std::fs::copy(files.path().join("authority.pem"), stranger.path().join("authority.pem"))
        .unwrap();
    assert!(connected(stranger.path(), port, "stranger").await.is_none());
}

#[test]
fn a_broker_of_several_tenants_shows_no_groups() {
    let tenants: Vec<Label> = ["one", "two"].map(|name| name.parse().unwrap()).to_vec();
    assert!(rules(&tenants[..1]).contains("r/v1/one/grp/+/des/+"));
    let both = rules(&tenants);
    assert!(both.contains("r/v1/two/facts/+/head") && !both.contains("grp"), "{both}");
}

//! The written files at a real Mosquitto.

use std::time::Duration;

use super::*;
use crate::hq::ingest::Outgoing;
use crate::hq::line::{MqttWire, Seen, Wire};
use crate::hq::tests::mosquitto::{Mosquitto, enrolled};
use crate::hq::tests::{House, place};
use crate::sync::mqtt::{Broker, Version};

/// A connection with the credentials of a folder; none where the broker does not take it.
async fn connected(mosquitto: &Mosquitto, folder: &Path, name: &str) -> Option<MqttWire> {
    // MQTT 5 ends the connection of who says what is refused; 3.1.1 goes on as if it had been sent.
    let broker = Broker { version: Version::ThreeOne, ..mosquitto.broker(folder) };
    let mut wire = MqttWire::connect(&broker, name).unwrap();
    let first = tokio::time::timeout(Duration::from_secs(20), wire.next()).await.unwrap();
    (first == Some(Seen::Connected)).then_some(wire)
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
    let mosquitto = Mosquitto::start(&house.hq).await;
    let (mine, theirs) = (place(), "acme/store-1/box-b".parse().unwrap());
    let (my_folder, their_folder) =
        (enrolled(&house.hq, &mine).await, enrolled(&house.hq, &theirs).await);
    let mut hq = connected(&mosquitto, &mosquitto.hq_folder(), "hq-1").await.expect("HQ is let in");
    let mut node =
        connected(&mosquitto, my_folder.path(), "node-1").await.expect("a node is let in");
    let mut other =
        connected(&mosquitto, their_folder.path(), "node-2").await.expect("and another");
    subscribed(&mut hq, &["r/v1/acme/+/+/up/+", "r/v1/acme/+/+/pres"]).await;

    // What a node says under another's name, or as HQ, reaches nobody.
    say(&other, "r/v1/acme/store-1/box-a/up/evt", "forged event");
    say(&other, "r/v1/acme/store-1/box-a/pres", "forged presence");
    say(&other, "r/v1/acme/store-1/box-b/up/evt", "own event");
    assert_eq!(until(&mut hq, "own event").await, [""; 0]);

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
async fn a_node_that_calls_itself_as_another_does_not_end_its_connection() {
    let house = House::new().await;
    let mosquitto = Mosquitto::start(&house.hq).await;
    let (mine, theirs) = (place(), "acme/store-1/box-b".parse().unwrap());
    let (my_folder, their_folder) =
        (enrolled(&house.hq, &mine).await, enrolled(&house.hq, &theirs).await);
    let mut node = connected(&mosquitto, my_folder.path(), "acme.store-1.box-a").await.unwrap();
    subscribed(&mut node, &["r/v1/acme/store-1/box-a/cmd/+"]).await;
    for name in ["acme.store-1.box-a", "acme/store-1/box-a"] {
        assert!(connected(&mosquitto, their_folder.path(), name).await.is_some());
    }
    let hq = connected(&mosquitto, &mosquitto.hq_folder(), "hq-1").await.unwrap();
    say(&hq, "r/v1/acme/store-1/box-a/cmd/01", "for box-a");
    say(&hq, "r/v1/acme/store-1/box-a/cmd/02", "the last");
    assert_eq!(until(&mut node, "the last").await, ["for box-a"], "it was thrown out");
}

#[tokio::test]
async fn a_revoked_node_says_and_hears_nothing_once_the_broker_knows() {
    let house = House::new().await;
    let mosquitto = Mosquitto::start(&house.hq).await;
    let (stolen, kept) = (place(), "acme/store-1/box-b".parse().unwrap());
    let (folder, other) = (enrolled(&house.hq, &stolen).await, enrolled(&house.hq, &kept).await);
    let mut hq = connected(&mosquitto, &mosquitto.hq_folder(), "hq-1").await.unwrap();
    subscribed(&mut hq, &["r/v1/acme/+/+/up/+"]).await;
    let node = connected(&mosquitto, folder.path(), "node-1").await.unwrap();
    say(&node, "r/v1/acme/store-1/box-a/up/evt", "before");
    assert_eq!(until(&mut hq, "before").await, [""; 0]);
    house.hq.revoke_node(&crate::hq::Actor::local(), &stolen).await.unwrap();
    mosquitto.write_rules(house.hq.revoked().await.unwrap());
    mosquitto.reload();
    let other = connected(&mosquitto, other.path(), "node-2").await.unwrap();
    // The broker reads its rules in its own time; what it let through till then came from before.
    for _ in 0..100 {
        say(&node, "r/v1/acme/store-1/box-a/up/evt", "after");
        say(&other, "r/v1/acme/store-1/box-b/up/evt", "other");
        if until(&mut hq, "other").await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the broker goes on listening to a revoked node");
}

#[tokio::test]
async fn nobody_is_let_in_whom_the_authority_does_not_vouch_for() {
    let (house, strangers) = (House::new().await, House::new().await);
    let mosquitto = Mosquitto::start(&house.hq).await;
    let stranger = enrolled(&strangers.hq, &place()).await;
    // It knows the broker's authority, but has a certificate of another one.
    std::fs::copy(mosquitto.authority(), stranger.path().join("authority.pem")).unwrap();
    assert!(connected(&mosquitto, stranger.path(), "stranger").await.is_none());
}

#[test]
fn a_broker_of_several_tenants_shows_no_groups() {
    let plan = |tenants: &[&str]| BrokerPlan {
        folder: PathBuf::new(),
        hosts: Vec::new(),
        port: 8883,
        tenants: tenants.iter().map(|name| name.parse().unwrap()).collect(),
        revoked: Vec::new(),
    };
    assert!(rules(&plan(&["one"])).contains("r/v1/one/grp/+/des/+"));
    let both = rules(&plan(&["one", "two"]));
    assert!(both.contains("r/v1/two/facts/+/head") && !both.contains("grp"), "{both}");
}

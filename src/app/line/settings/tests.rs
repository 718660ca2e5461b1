use std::sync::Arc;

use super::*;
use crate::api::OverrideSettings;
use crate::config::Sources;
use crate::protocol::Document;
use crate::state::{StateConfig, Store};

const FAR: UnixMillis = UnixMillis(4_000_000_000_000);

fn store() -> Store {
    let place = "acme/store-1/box-a".parse().unwrap();
    Store::on(redb::backends::InMemoryBackend::new, place, StateConfig::default()).unwrap()
}

fn kept(store: &Store) -> Kept {
    let config = crate::config::load(&Sources::none()).unwrap();
    let time = Arc::new(Timekeeper::new(UnixMillis(0), UnixMillis(0)));
    let below = config.below_hq.clone();
    let room = ConfigRoom::open(store.clone(), below, Arc::new(honour), time.time().0).unwrap();
    Kept { room, time, file: of_file(&config) }
}

fn request(json: &str) -> OverrideRequest {
    OverrideRequest {
        owner: "Ada".to_owned(),
        reason: "stocktaking".to_owned(),
        lease_s: 3600,
        settings: serde_json::from_str(json).unwrap(),
    }
}

fn setting<'a>(view: &'a ConfigView, name: &str) -> &'a SettingView {
    view.settings.iter().find(|setting| setting.name == name).unwrap()
}

#[tokio::test]
async fn an_override_is_shown_with_its_owner_reason_and_end_and_gone_when_lifted() {
    let store = store();
    let kept = kept(&store);
    let before = kept.view().await.unwrap();
    assert_eq!(setting(&before, "cache.ask").value, "semantic");
    assert!(before.settings.iter().all(|setting| setting.layer == "default"), "{before:?}");
    kept.lay("tok_1", request(r#"{"cache":{"ask":"off"},"log_level":"debug"}"#)).await.unwrap();
    let laid = kept.view().await.unwrap();
    for (name, value, layer) in [
        ("cache.ask", "off", "override"),
        ("log_level", "debug", "override"),
        ("cache.chat", "exact", "default"),
    ] {
        let found = setting(&laid, name);
        assert_eq!((&found.value, found.layer), (&Value::from(value), layer), "{name}");
        let local = found.local.as_ref().map(|l| (l.owner.as_str(), l.reason.as_str()));
        assert_eq!(local, (layer == "override").then_some(("Ada", "stocktaking")));
    }
    let told = store.reported().unwrap();
    let told = told.iter().find(|reported| reported.document == Document::Config).unwrap();
    assert_eq!(told.local.as_ref().map(|local| &*local.owner), Some("Ada"));
    assert!(kept.lift("tok_1").await.unwrap());
    assert_eq!(kept.view().await.unwrap(), before);
    assert!(!kept.lift("tok_1").await.unwrap());
}

#[tokio::test]
async fn what_is_no_override_is_refused_by_its_field() {
    let store = store();
    let kept = kept(&store);
    let fine = request(r#"{"log_level":"debug"}"#);
    let many: Vec<String> = (0..1025).map(|at| at.to_string()).collect();
    let many = OverrideSettings { blocked_terms: Some(many), ..OverrideSettings::default() };
    for (wrong, field) in [
        (OverrideRequest { owner: " ".to_owned(), ..fine.clone() }, "owner"),
        (OverrideRequest { owner: "x".repeat(129), ..fine.clone() }, "owner"),
        (OverrideRequest { reason: String::new(), ..fine.clone() }, "reason"),
        (OverrideRequest { lease_s: 0, ..fine.clone() }, "lease"),
        (OverrideRequest { lease_s: 30 * 24 * 3600 + 1, ..fine.clone() }, "lease"),
        (OverrideRequest { lease_s: u64::MAX, ..fine.clone() }, "lease"),
        (request("{}"), "settings"),
        (request(r#"{"cache":{"vision":"off"}}"#), "settings.cache.vision"),
        (request(r#"{"install_hours":[{"from":"9","until":"10:00"}]}"#), "settings"),
        (OverrideRequest { settings: many, ..fine.clone() }, "settings"),
    ] {
        let refused = kept.lay("tok_1", wrong.clone()).await.unwrap_err();
        let SettingsError::Refused { field: named, why } = &refused else { panic!("{refused}") };
        assert_eq!(named, field, "{wrong:?}: {why}");
    }
    assert!(kept.view().await.unwrap().local.is_none());
}

#[tokio::test]
async fn no_lease_begins_while_the_time_is_not_known() {
    let store = store();
    let kept = Kept { time: Arc::new(Timekeeper::new(UnixMillis(0), FAR)), ..kept(&store) };
    let refused = kept.lay("tok_1", request(r#"{"log_level":"debug"}"#)).await;
    assert_eq!(refused, Err(SettingsError::ClockUnknown));
}

#[test]
fn what_the_program_cannot_do_is_named() {
    let json = br#"{"default_language":"pt-BR","cache":{"ask":"off","vision":"exact"}}"#;
    let mut document = ConfigDoc::parse(json).unwrap();
    let unmet: Vec<String> = honour(&mut document).iter().map(ToString::to_string).collect();
    assert_eq!(
        unmet,
        [
            "default_language: `pt-BR` is none of en, de, es, fr",
            "cache.vision: there is no such route; there are ask, chat, copy"
        ]
    );
    assert_eq!(document, ConfigDoc::parse(br#"{"cache":{"ask":"off"}}"#).unwrap());
    let all = br#"{"blocked_terms":["x"],"default_language":"fr","cache":{"chat":"semantic"},
        "install_hours":[],"wan_bytes_per_day":1,"log_level":"error"}"#;
    let mut all = ConfigDoc::parse(all).unwrap();
    assert!(honour(&mut all).is_empty(), "every setting of a document takes effect");
}

//! What is done with devices, told to HQ and written into the box's audit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::http::{Act, Pairing, Tokens};
use crate::protocol::{Event, Fields, Message, Name, ProtocolError, Stream, UnixMillis, Value};
use crate::state::{StateError, Store};

/// The devices of the shop, and what is done with them.
pub(in crate::app) struct Devices {
    pub(in crate::app) pairing: Arc<Pairing>,
    pub(in crate::app) tokens: Arc<Tokens>,
    pub(in crate::app) acts: mpsc::Receiver<Act>,
}

/// Tells until nobody can do anything with devices any more.
pub(super) async fn tell(mut acts: mpsc::Receiver<Act>, store: Store) {
    while let Some(act) = acts.recv().await {
        let (store, deed) = (store.clone(), act.deed.name());
        let written = tokio::task::spawn_blocking(move || write(&store, &act, UnixMillis::now()));
        // A panic in there was told by its thread.
        if let Ok(Err(error)) = written.await {
            tracing::error!(%error, deed, "the audit log lacks what was done with a device");
        }
    }
}

/// Entry and event are one change of the state.
fn write(store: &Store, act: &Act, now: UnixMillis) -> Result<(), StateError> {
    let event = Message::Event(Event { name: act.deed.name().parse()?, fields: fields(act)? });
    let entry = serde_json::json!({
        "at_ms": now.0, "act": act.deed.name(), "by": act.by, "class": act.class,
        "zone": act.zone, "device": act.device,
    });
    store.write(|writing| {
        writing.audit(now, entry.to_string().as_bytes())?;
        writing.append(Stream::Evt, now, &event).map(drop)
    })
}

fn fields(act: &Act) -> Result<Fields, ProtocolError> {
    let mut fields: BTreeMap<Name, Value> = BTreeMap::new();
    let texts = [
        ("by", Some(&act.by)),
        ("class", Some(&act.class)),
        ("zone", act.zone.as_ref()),
        ("device", act.device.as_ref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            fields.insert(name.parse()?, Value::from(text.as_str()));
        }
    }
    Fields::new(fields)
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::http::Deed;
    use crate::protocol::Run;
    use crate::state::StateConfig;

    #[test]
    fn an_act_is_an_entry_of_the_audit_log_and_an_event() {
        let place = "acme/store-1/box-a".parse().unwrap();
        let store = Store::on(InMemoryBackend::new, place, StateConfig::default()).unwrap();
        let act = Act {
            deed: Deed::Paired,
            by: "tok_new".into(),
            class: "kiosk".into(),
            zone: Some("entrance".into()),
            device: Some("tok_new".into()),
        };
        write(&store, &act, UnixMillis(1_800_000_000_000)).unwrap();
        let run = Run { first: 1, last: u64::MAX };
        for stream in [Stream::Audit, Stream::Evt] {
            assert_eq!(store.waiting(stream, run, usize::MAX).unwrap().len(), 1, "{stream:?}");
        }
    }
}

//! What was once on the wire is read and written as it was.

use std::path::PathBuf;

use super::samples::all;
use crate::protocol::*;

fn folder(version: u8) -> PathBuf {
    let below = format!("golden/v{version}");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below)
}

#[test]
fn each_meaning_has_the_bytes_and_the_json_that_it_always_had() {
    for (name, _, envelope) in all() {
        let bytes = std::fs::read(folder(1).join(format!("{name}.cbor"))).unwrap();
        assert_eq!(envelope.to_bytes().unwrap(), bytes, "{name}: other bytes are written");
        assert_eq!(Envelope::parse(&bytes).as_ref(), Ok(&envelope), "{name}: read as another");
        let json = std::fs::read_to_string(folder(1).join(format!("{name}.json"))).unwrap();
        assert_eq!(envelope.to_json().unwrap(), json.trim_end(), "{name}");
        assert_eq!(Envelope::from_json(&json), Ok(envelope), "{name}");
    }
}

#[test]
fn every_version_that_is_spoken_has_golden_bytes_that_are_read() {
    for version in MIN..=CURRENT {
        let mut read = 0;
        for file in std::fs::read_dir(folder(version)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "cbor") {
                let envelope = Envelope::parse(&std::fs::read(&path).unwrap()).unwrap();
                assert_eq!(envelope.version, version, "{}", path.display());
                envelope.message().unwrap();
                read += 1;
            }
        }
        assert!(read >= 15, "version {version} has {read} golden files");
    }
}

/// Writes the files of new samples, and never over one that is there.
#[test]
#[ignore = "a tool: run it after adding a sample"]
fn write_what_is_missing() {
    for (name, _, envelope) in all() {
        let json = envelope.to_json().unwrap() + "\n";
        for (path, bytes) in [
            (folder(CURRENT).join(format!("{name}.cbor")), envelope.to_bytes().unwrap()),
            (folder(CURRENT).join(format!("{name}.json")), json.into_bytes()),
        ] {
            if !path.exists() {
                std::fs::write(path, bytes).unwrap();
            }
        }
    }
}

#[test]
fn a_message_is_only_taken_at_its_own_topic() {
    let samples = all();
    for (name, own, envelope) in &samples {
        assert!(envelope.message_at(own).is_ok(), "{name}");
        for (other, topic, _) in &samples {
            let shared = own == topic;
            assert_eq!(envelope.message_at(topic).is_ok(), shared, "{name} at {other}'s topic");
        }
        if *name == "ack" {
            continue; // It names a ledger instead, which only one node has.
        }
        let elsewhere = own.to_string().replace("acme", "evil");
        assert!(envelope.message_at(&elsewhere.parse().unwrap()).is_err(), "{name} at {elsewhere}");
    }
}

#[test]
fn later_versions_may_add_keys_and_schemas() {
    let (_, _, envelope) = all().remove(0);
    let mut bytes = envelope.to_bytes().unwrap();
    // One more key, 10, in the map of the envelope; its count stands in the first byte.
    bytes[0] += 1;
    bytes.extend([10, 0xf5]);
    assert_eq!(Envelope::parse(&bytes), Ok(envelope.clone()));

    let later = Envelope { schema: 999, ..envelope };
    let read = Envelope::parse(&later.to_bytes().unwrap()).unwrap();
    assert_eq!(read.message(), Err(ProtocolError::Schema(999)));
    let json = read.to_json().unwrap();
    assert_eq!(Envelope::from_json(&json), Ok(read));
}

#[test]
fn a_version_that_is_not_spoken_is_refused_by_number() {
    let (_, _, envelope) = all().remove(0);
    for version in [0, CURRENT + 1] {
        let bytes = Envelope { version, ..envelope.clone() }.to_bytes().unwrap();
        assert_eq!(Envelope::parse(&bytes), Err(ProtocolError::Version { found: version }));
    }
}

#[test]
fn sizes_are_refused_before_they_are_sent() {
    let (_, _, envelope) = all().remove(0);
    let most = limits::MAX_BODY_BYTES;
    assert!(Blob::<{ limits::MAX_BODY_BYTES }>::new(vec![0; most + 1]).is_err());
    let largest = Envelope { body: Blob::new(vec![0; most]).unwrap(), ..envelope };
    let bytes = largest.to_bytes().unwrap();
    assert!(bytes.len() <= limits::MAX_ENVELOPE_BYTES);
    let long = vec![0x40; limits::MAX_ENVELOPE_BYTES + 1];
    assert!(matches!(Envelope::parse(&long), Err(ProtocolError::TooLarge { .. })));
}

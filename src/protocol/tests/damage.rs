//! Bytes that nobody meant: whatever they are, the reader says no or understands one thing.

use super::samples::all;
use crate::protocol::*;

/// What is done to valid bytes: at which place, what, with which byte.
type Damage = Vec<(u16, u8, u8)>;

fn damaged(valid: &[u8], damage: &Damage) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for &(place, kind, byte) in damage.iter().take(8) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(place) % bytes.len();
        match kind % 5 {
            0 => bytes[at] = byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.insert(at, byte),
            3 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// What is read is written as the same bytes, and its message and JSON say the same.
fn read(bytes: &[u8]) {
    let Ok(envelope) = Envelope::parse(bytes) else { return };
    let again = envelope.to_bytes().unwrap();
    assert_eq!(Envelope::parse(&again).as_ref(), Ok(&envelope));
    assert!(again.len() <= bytes.len(), "only keys that are not known may be missing");
    if let Ok(message) = envelope.message() {
        let body = message.body().unwrap();
        assert_eq!(Message::parse(message.schema(), &body), Ok(message));
    }
    if let Ok(json) = envelope.to_json() {
        assert!(Envelope::from_json(&json).is_ok(), "{json}");
    }
}

#[test]
fn noise_is_refused_or_understood() {
    bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| read(bytes));
}

#[test]
fn damaged_messages_are_refused_or_understood() {
    let valid: Vec<Vec<u8>> = all().iter().map(|(_, _, e)| e.to_bytes().unwrap()).collect();
    bolero::check!().with_type::<(u8, Damage)>().for_each(|(which, damage)| {
        read(&damaged(&valid[usize::from(*which) % valid.len()], damage));
    });
}

#[test]
fn damaged_bodies_are_refused_or_understood() {
    let valid: Vec<Envelope> = all().into_iter().map(|(_, _, envelope)| envelope).collect();
    bolero::check!().with_type::<(u8, Damage)>().for_each(|(which, damage)| {
        let envelope = valid[usize::from(*which) % valid.len()].clone();
        let Ok(body) = Blob::new(damaged(&envelope.body, damage)) else { return };
        read(&Envelope { body, ..envelope }.to_bytes().unwrap());
    });
}

#[test]
fn noise_is_no_topic() {
    bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        for text in
            [text.to_string(), format!("r/v1/a/b/c/{text}"), format!("r/v1/{text}/des/time")]
        {
            if let Ok(topic) = text.parse::<Topic>() {
                assert_eq!(topic.to_string(), text);
            }
        }
    });
}

//! What was once sent to a device is read and written as it was.

use std::path::PathBuf;

use firmware_config::link::{Frame, Hello, Message, Offer, Status};
use firmware_config::seal::seal;
use firmware_config::*;

use crate::support::{identity, key, keys, settings};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire")
}

/// Names and bytes of a block of each class and of each message.
fn samples() -> Vec<(String, Vec<u8>)> {
    let mut samples = Vec::new();
    for class in Class::ALL {
        let bytes = seal(&settings(class), &identity(class), 7, &key()).unwrap();
        samples.push((format!("v1/block-{}.bin", class.name()), bytes));
    }
    for (name, message) in messages() {
        samples.push((format!("link/{name}.bin"), Frame::new(&message).unwrap().bytes().to_vec()));
    }
    samples
}

fn messages() -> Vec<(&'static str, Message<'static>)> {
    let status = Status {
        running: Running::Confirmed(6),
        crc: 0x8765_4321,
        floor: 6,
        complete: Some(7),
        refused: Some((5, Refusal::Old)),
    };
    let identity = identity(Class::ShelfLabel);
    let hello = Hello { identity, min_schema: 1, max_schema: 1, status };
    vec![
        ("hello", Message::Hello(hello)),
        ("who", Message::Who),
        ("offer", Message::Offer(Offer { version: 7, bytes: 312, crc: 0x1234_5678 })),
        ("have", Message::Have { version: 7, bytes: 128 }),
        ("chunk", Message::Chunk { version: 7, offset: 128, data: &[0, 1, 2, 0xff] }),
        ("confirm", Message::Confirm { version: 7 }),
        ("report", Message::Report(status)),
        ("settled", Message::Settled { version: 7 }),
    ]
}

#[test]
fn each_block_and_message_has_the_bytes_that_it_always_had() {
    for (name, bytes) in samples() {
        let golden = std::fs::read(folder().join(&name)).unwrap();
        assert_eq!(bytes, golden, "{name}: other bytes are written");
    }
}

#[test]
fn every_golden_block_is_read_as_what_it_was() {
    for class in Class::ALL {
        let path = folder().join(format!("v1/block-{}.bin", class.name()));
        let bytes = std::fs::read(path).unwrap();
        let opened = Block::parse(&bytes).unwrap().open(&identity(class), &keys()).unwrap();
        let crc = opened.crc;
        assert_eq!(opened, Opened { version: 7, crc, settings: settings(class) });
    }
    for (name, message) in messages() {
        let bytes = std::fs::read(folder().join(format!("link/{name}.bin"))).unwrap();
        assert_eq!(Frame::parse(&bytes), Ok(message), "{name}");
    }
}

#[test]
fn every_schema_that_is_read_has_golden_blocks() {
    for schema in MIN_SCHEMA..=SCHEMA {
        let blocks = std::fs::read_dir(folder().join(format!("v{schema}"))).unwrap();
        assert!(blocks.count() >= Class::ALL.len(), "schema {schema}");
    }
}

/// Writes the files of new samples, and never over one that is there.
#[test]
#[ignore = "a tool: run it after adding a sample"]
fn write_what_is_missing() {
    for (name, bytes) in samples() {
        let path = folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if !path.exists() {
            std::fs::write(path, bytes).unwrap();
        }
    }
}

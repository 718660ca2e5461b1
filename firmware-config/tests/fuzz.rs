//! Decoders of outside bytes, given bytes that nobody meant.
//!
//! A failure prints `BOLERO_RANDOM_SEED`, with which it comes again; `BOLERO_RANDOM_ITERATIONS` sets how
//! many tries there are.

use firmware_config::link::{Frame, Line, Message};
use firmware_config::*;

use crate::link::Counterpart;
use crate::support::{Flash, blank, block, identity, keys, start};

/// What is done to valid bytes: at which place, what, with which byte.
type Damage = Vec<(u16, u8, u8)>;

fn damaged(valid: &[u8], damage: &Damage) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for &(place, kind, byte) in damage.iter().take(8) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(place) % bytes.len();
        match kind % 6 {
            0 | 1 => bytes[at] = byte,
            2 => bytes[at] ^= 1 << (byte % 8),
            3 => bytes.insert(at, byte),
            4 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Postcard's own bytes are damaged, and the check sum made right: it is no guard against intent.
fn with_right_sum(said: &[u8]) -> Vec<u8> {
    let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(said);
    [said, &sum.to_le_bytes()].concat()
}

#[test]
fn blocks() {
    let valid = block(7);
    bolero::check!().with_iterations(4000).with_type::<Damage>().for_each(|damage| {
        let bytes = damaged(&valid, damage);
        let opened = Block::parse(&bytes)
            .and_then(|block| block.open(&identity(Class::ShelfLabel), &keys()));
        assert_eq!(opened.is_ok(), bytes == valid);
    });
}

/// Settings behind a signature that is not looked at: whatever is read is written as the same bytes.
#[test]
fn settings() {
    let seeds: Vec<Vec<u8>> = Class::ALL
        .map(|class| firmware_config::seal::body(&crate::support::settings(class)).unwrap())
        .into();
    bolero::check!().with_iterations(8000).with_type::<(u8, Damage)>().for_each(
        |(seed, damage)| {
            let bytes = damaged(&seeds[usize::from(*seed) % seeds.len()], damage);
            if let Ok((settings, _)) = postcard::take_from_bytes::<Settings>(&bytes) {
                let written = firmware_config::seal::body(&settings).unwrap();
                assert_eq!(postcard::from_bytes::<Settings>(&written), Ok(settings));
            }
        },
    );
}

#[test]
fn frames() {
    let hello = start(blank()).0.say();
    let chunk = Message::Chunk { version: 7, offset: 128, data: &[9; 128] };
    let seeds = [hello, chunk].map(|message| Frame::new(&message).unwrap().bytes().to_vec());
    bolero::check!().with_iterations(8000).with_type::<(bool, Damage)>().for_each(
        |(one, damage)| {
            let valid = &seeds[usize::from(*one)];
            let _ = Frame::parse(&damaged(valid, damage));
            let bytes = with_right_sum(&damaged(&valid[..valid.len() - 4], damage));
            if let Ok(message) = Frame::parse(&bytes) {
                let again = Frame::new(&message).unwrap();
                assert_eq!(Frame::parse(again.bytes()), Ok(message));
            }
        },
    );
}

#[test]
fn lines() {
    let frame = Frame::new(&Message::Confirm { version: 7 }).unwrap();
    let mut valid = Vec::new();
    let send = |bytes: &[u8]| {
        valid.extend_from_slice(bytes);
        Ok::<_, ()>(())
    };
    frame.send(send).unwrap();
    bolero::check!().with_iterations(8000).with_type::<(Damage, Vec<u8>)>().for_each(
        |(damage, noise)| {
            let mut line = Line::default();
            for byte in damaged(&valid, damage).iter().chain(noise).chain(&[0]) {
                line.take(*byte).map(Frame::parse);
            }
            // Whatever was before a zero, what comes after it is heard.
            let heard = valid.iter().filter_map(|byte| {
                let message = line.take(*byte).map(Frame::parse);
                message.filter(|message| *message == Ok(Message::Confirm { version: 7 })).map(drop)
            });
            assert_eq!(heard.count(), 1);
        },
    );
}

/// Any messages in any order: neither end panics, and a device runs nothing that was not signed.
#[test]
fn conversations() {
    let bytes = block(5);
    type Steps = Vec<(u8, u32, u16, u8)>;
    bolero::check!().with_iterations(2000).with_type::<Steps>().for_each(|steps| {
        let (mut device, _) = start::<8, 512>(blank());
        let mut counterpart = Counterpart::new();
        counterpart.want(5);
        for &(kind, version, offset, len) in steps {
            let version = if version % 3 == 0 { 5 } else { version };
            let from = usize::from(offset) % bytes.len();
            let data = &bytes[from..(from + usize::from(len)).min(bytes.len())];
            let offer = link_offer(version, offset, u32::from(len));
            let message = match kind % 9 {
                0 => Message::Who,
                1 => Message::Offer(offer),
                2 => Message::Chunk { version, offset, data },
                3 => Message::Confirm { version },
                4 => Message::Settled { version },
                5 => Message::Have { version, bytes: offset },
                6 => {
                    (device, _) = start::<8, 512>(into_flash(device));
                    continue;
                }
                7 => {
                    device.tick();
                    continue;
                }
                _ => {
                    let said = device.say();
                    if let Some(answer) = counterpart.hear(&said) {
                        device.hear(&answer);
                    }
                    continue;
                }
            };
            device.hear(&message);
            counterpart.hear(&message);
            assert!(matches!(device.running().version(), 0 | 5));
        }
    });
}

fn link_offer(version: u32, bytes: u16, crc: u32) -> firmware_config::link::Offer {
    firmware_config::link::Offer { version, bytes, crc }
}

fn into_flash(device: Device<Flash, Keys>) -> Flash {
    device.into_flash()
}

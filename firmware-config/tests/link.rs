//! A device and the box, over a line on which nothing goes wrong, and over one on which it does.

use firmware_config::link::{Answer, Desired, Frame, Host, Line, Message, Offer, Standing};
use firmware_config::*;

use crate::support::{Flash, blank, block, identity, start};

/// The box's end with the bytes of what it offers.
#[derive(Clone)]
pub(crate) struct Counterpart {
    pub(crate) host: Host,
    block: Vec<u8>,
}

impl Counterpart {
    pub(crate) fn new() -> Self {
        Self { host: Host::default(), block: Vec::new() }
    }

    pub(crate) fn want(&mut self, version: u32) {
        self.want_block(block(version));
    }

    pub(crate) fn want_block(&mut self, block: Vec<u8>) {
        let header = *Block::parse(&block).unwrap().header();
        let bytes = u16::try_from(block.len()).unwrap();
        self.host.want(Some(Desired {
            identity: identity(Class::ShelfLabel),
            schema: header.schema,
            offer: Offer { version: header.version, bytes, crc: header.crc },
        }));
        self.block = block;
    }

    pub(crate) fn hear(&mut self, message: &Message<'_>) -> Option<Message<'_>> {
        Some(match self.host.hear(message) {
            Answer::Nothing => return None,
            Answer::Who => Message::Who,
            Answer::Offer(offer) => Message::Offer(offer),
            Answer::Chunk { version, offset, bytes } => {
                let data = &self.block[usize::from(offset)..usize::from(offset + bytes)];
                Message::Chunk { version, offset, data }
            }
            Answer::Confirm(version) => Message::Confirm { version },
            Answer::Settled(version) => Message::Settled { version },
        })
    }
}

/// Lets both talk until the device rests; starts it anew where it says so.
fn settle(flash: Flash, counterpart: &mut Counterpart) -> (Flash, Option<Settings>) {
    let (mut device, mut settings) = start(flash);
    for _ in 0..60 {
        let said = device.say();
        let next = match counterpart.hear(&said) {
            Some(answer) => device.hear(&answer),
            None => device.tick(),
        };
        match next {
            Next::Say => {}
            Next::Rest => return (device.into_flash(), settings),
            Next::Restart => (device, settings) = start(device.into_flash()),
        }
    }
    panic!("no rest after 60 messages: {:?}", counterpart.host);
}

#[test]
fn a_block_is_offered_taken_tried_and_confirmed() {
    let mut counterpart = Counterpart::new();
    let (flash, settings) = settle(blank(), &mut counterpart);
    assert_eq!((settings, counterpart.host.standing()), (None, Standing::Unwanted));
    let mut flash = flash;
    for version in [3, 4, 9] {
        counterpart.want(version);
        let (after, settings) = settle(flash, &mut counterpart);
        assert_eq!(settings.unwrap().common.ask_every_s, version);
        assert_eq!(counterpart.host.standing(), Standing::InStep);
        assert_eq!(start(after.clone()).0.running(), Running::Confirmed(version));
        flash = after;
    }
}

#[test]
fn an_older_block_is_refused_and_a_higher_version_asked_for() {
    let mut counterpart = Counterpart::new();
    counterpart.want(5);
    let (flash, _) = settle(blank(), &mut counterpart);
    for version in [4, 5] {
        let mut replay = Counterpart::new();
        replay.want(version);
        let (mut device, _) = start(flash.clone());
        // Whoever offers it all the same, and sends it, is not taken at their word.
        let bytes = block(version);
        let crc = Block::parse(&bytes).unwrap().header().crc;
        let offer = Offer { version, bytes: u16::try_from(bytes.len()).unwrap(), crc };
        device.hear(&Message::Offer(offer));
        device.hear(&Message::Chunk { version, offset: 0, data: &bytes[..128] });
        assert_eq!(device.running(), Running::Confirmed(5));
        assert!(!matches!(device.say(), Message::Have { .. }));
    }
    let mut forgetful = Counterpart::new();
    forgetful.want(4);
    settle(flash.clone(), &mut forgetful);
    assert_eq!(forgetful.host.standing(), Standing::BelowFloor(5));
    forgetful.want(6);
    settle(flash, &mut forgetful);
    assert_eq!(forgetful.host.standing(), Standing::InStep);
}

#[test]
fn a_forged_or_foreign_block_is_refused_once_received_and_not_taken_again() {
    let forged = {
        let mut bytes = block(9);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes
    };
    let foreign = {
        let other = Identity::of("acme/store-0043", "label-17", Class::ShelfLabel);
        let settings = crate::support::settings(Class::ShelfLabel);
        firmware_config::seal::seal(&settings, &other, 9, &crate::support::key()).unwrap()
    };
    let mut counterpart = Counterpart::new();
    counterpart.want(5);
    let (flash, _) = settle(blank(), &mut counterpart);
    for (bytes, refusal) in [(forged, Refusal::Forged), (foreign, Refusal::OtherStore)] {
        let mut liar = Counterpart::new();
        liar.want_block(bytes);
        let (flash, settings) = settle(flash.clone(), &mut liar);
        assert_eq!(settings.unwrap().common.ask_every_s, 5);
        assert_eq!(liar.host.standing(), Standing::Refused(refusal));
        // A true block of the same version is still welcome.
        let mut honest = Counterpart::new();
        honest.want(9);
        settle(flash, &mut honest);
        assert_eq!(honest.host.standing(), Standing::InStep);
    }
}

#[test]
fn a_block_that_nobody_confirms_is_given_up_and_the_last_good_one_runs() {
    let mut counterpart = Counterpart::new();
    counterpart.want(5);
    let (flash, _) = settle(blank(), &mut counterpart);
    counterpart.want(6);
    let (mut device, _) = start(flash);
    while device.hear(&counterpart.hear(&device.say()).unwrap()) != Next::Restart {}
    for _ in 0..3 {
        (device, _) = start(device.into_flash());
        assert_eq!(device.running(), Running::Trial(6));
        // The box is not heard under these settings.
        assert!((0..200).any(|_| device.tick() == Next::Restart));
    }
    let (device, settings) = start(device.into_flash());
    assert_eq!(device.running(), Running::Confirmed(5));
    assert_eq!(settings.unwrap().common.ask_every_s, 5);
    settle(device.into_flash(), &mut counterpart);
    assert_eq!(counterpart.host.standing(), Standing::Refused(Refusal::Failed));
}

#[test]
fn a_box_that_was_started_anew_asks_who_it_is_and_goes_on() {
    let mut counterpart = Counterpart::new();
    counterpart.want(5);
    let (mut device, _) = start(blank());
    for _ in 0..3 {
        device.hear(&counterpart.hear(&device.say()).unwrap());
    }
    assert!(matches!(device.say(), Message::Have { bytes: 256, .. }));
    counterpart.host = Host::default();
    counterpart.want(5);
    assert_eq!(counterpart.hear(&device.say()), Some(Message::Who));
    settle(device.into_flash(), &mut counterpart);
    assert_eq!(counterpart.host.standing(), Standing::InStep);
}

#[test]
fn noise_on_a_line_costs_the_frame_that_it_is_in() {
    let frame = Frame::new(&Message::Confirm { version: 7 }).unwrap();
    let mut sent = Vec::new();
    let mut send = |bytes: &[u8]| {
        sent.extend_from_slice(bytes);
        Ok::<_, ()>(())
    };
    frame.send(&mut send).unwrap();
    send(&[3, 9, 200, 1, 0]).unwrap(); // noise, and its end
    send(&[0xfe; 600]).unwrap(); // more than any frame has
    send(&[0]).unwrap();
    frame.send(&mut send).unwrap();
    let mut line = Line::default();
    let mut heard = 0;
    for byte in sent {
        if let Some(bytes) = line.take(byte)
            && Frame::parse(bytes) == Ok(Message::Confirm { version: 7 })
        {
            heard += 1;
        }
    }
    assert_eq!(heard, 2);
}

#[test]
fn another_block_of_the_version_that_runs_is_not_taken_for_it() {
    let mut counterpart = Counterpart::new();
    counterpart.want(5);
    let (flash, _) = settle(blank(), &mut counterpart);
    // As a box that was set up anew and counts from the beginning may make it.
    let mut settings = crate::support::settings(Class::ShelfLabel);
    settings.common.ask_every_s = 77;
    let identity = identity(Class::ShelfLabel);
    let key = crate::support::key();
    let other = firmware_config::seal::seal(&settings, &identity, 5, &key).unwrap();
    let mut anew = Counterpart::new();
    anew.want_block(other);
    settle(flash, &mut anew);
    assert_eq!(anew.host.standing(), Standing::BelowFloor(5));
}

//! The power fails at every word that is written or erased.

use firmware_config::flash::{Memory, Tear};
use firmware_config::limits::{MAX_CHUNK_BYTES, MAX_TRIES};
use firmware_config::link::{Message, Offer};
use firmware_config::*;

use crate::support::{block, identity, keys};

const TEARS: [Tear; 6] = [
    Tear::Untouched,
    Tear::Half,
    Tear::Whole,
    Tear::Bits(0b0101_0011),
    Tear::Bits(0b1100_1010),
    Tear::Bits(0b0000_0001),
];

/// Starts a device on flash that stays here. None where the power is gone.
fn start_on<const W: usize, const S: usize>(
    flash: &mut Memory<W, S>,
) -> Option<(Device<&mut Memory<W, S>, Keys>, Option<Settings>)> {
    let mut settings = None;
    let device = Device::start(flash, identity(Class::ShelfLabel), keys(), &mut settings).ok()?;
    Some((device, settings))
}

/// From a start to the end of a block's way: it comes, it runs on trial, it is confirmed. Ends
/// where the power does.
fn update<const W: usize, const S: usize>(flash: &mut Memory<W, S>, version: u32) {
    receive(flash, version);
    if let Some((mut device, _)) = start_on(flash) {
        device.hear(&Message::Confirm { version });
    }
}

fn receive<const W: usize, const S: usize>(flash: &mut Memory<W, S>, version: u32) {
    let Some((mut device, _)) = start_on(flash) else { return };
    let bytes = block(version);
    let crc = Block::parse(&bytes).unwrap().header().crc;
    let len = u16::try_from(bytes.len()).unwrap();
    device.hear(&Message::Offer(Offer { version, bytes: len, crc }));
    for (number, data) in bytes.chunks(MAX_CHUNK_BYTES).enumerate() {
        let offset = u16::try_from(number * MAX_CHUNK_BYTES).unwrap();
        device.hear(&Message::Chunk { version, offset, data });
    }
}

/// Lets a block be started and never confirmed, until it is given up.
fn fail<const W: usize, const S: usize>(flash: &mut Memory<W, S>, version: u32) {
    receive(flash, version);
    for _ in 0..=MAX_TRIES {
        start_on(flash).unwrap();
    }
}

/// What may have been before: a name, how it came about, what runs.
type Before<const W: usize, const S: usize> = (&'static str, fn(&mut Memory<W, S>), Running);

fn befores<const W: usize, const S: usize>() -> [Before<W, S>; 6] {
    [
        ("nothing", |_| {}, Running::Nothing),
        ("one block", |flash| update(flash, 1), Running::Confirmed(1)),
        (
            "both slots full",
            |flash| (1..=2).for_each(|of| update(flash, of)),
            Running::Confirmed(2),
        ),
        ("full again", |flash| (1..=3).for_each(|of| update(flash, of)), Running::Confirmed(3)),
        (
            "a block was given up",
            |flash| {
                update(flash, 1);
                fail(flash, 2);
            },
            Running::Confirmed(1),
        ),
        (
            "a block is on trial",
            |flash| {
                update(flash, 1);
                receive(flash, 2);
                start_on(flash).unwrap();
            },
            Running::Trial(2),
        ),
    ]
}

/// After a cut: what runs is what ran, what ran before that, or the new block, as it was sent. What is
/// on trial is confirmed.
fn check<const W: usize, const S: usize>(flash: &mut Memory<W, S>, before: Running, case: &str) {
    let floor = if let Running::Confirmed(version) = before { version } else { 0 };
    let (mut device, settings) = start_on(flash).unwrap();
    let running = device.running();
    let allowed = match (before, running) {
        (Running::Nothing, Running::Nothing) => true,
        (Running::Trial(2), Running::Trial(2) | Running::Confirmed(1)) => true,
        (before, running) if before == running => true,
        (_, running) => matches!(running, Running::Trial(NEW) | Running::Confirmed(NEW)),
    };
    assert!(allowed, "{case}: {running:?} runs");
    assert_eq!(settings.map_or(0, |told| told.common.ask_every_s), running.version(), "{case}");
    assert!(device.session().status().floor >= floor, "{case}: the floor fell");
    device.hear(&Message::Confirm { version: NEW });
}

/// Above all versions before.
const NEW: u32 = 9;

#[test]
fn a_cut_at_any_word_leaves_what_ran_or_the_new_block_and_the_next_try_succeeds() {
    let mut cuts = 0;
    for (name, prepare, before) in befores::<8, 512>() {
        let mut ready = Memory::blank(Slots::<Memory<8, 512>>::BYTES);
        prepare(&mut ready);
        for tear in TEARS {
            for words in 0.. {
                let mut flash = ready.clone();
                flash.cut_after(words, tear);
                update(&mut flash, NEW);
                if flash.has_power() {
                    break; // it needs no more words than that
                }
                cuts += 1;
                flash.restore();
                let case = format!("{name}, cut after {words} words, {tear:?}");
                check(&mut flash, before, &case);
                update(&mut flash, NEW);
                let (device, _) = start_on(&mut flash).unwrap();
                assert_eq!(device.running(), Running::Confirmed(NEW), "{case}: not recovered");
            }
        }
    }
    assert!(cuts > 6 * 6 * 250, "only {cuts} cuts");
}

#[test]
fn a_second_cut_while_the_first_is_mended_leaves_no_less() {
    for (name, prepare, before) in befores::<32, 256>() {
        let mut ready = Memory::blank(Slots::<Memory<32, 256>>::BYTES);
        prepare(&mut ready);
        for first in 0.. {
            let mut flash = ready.clone();
            flash.cut_after(first, Tear::Bits(0b0101_0011));
            update(&mut flash, NEW);
            if flash.has_power() {
                break;
            }
            flash.restore();
            for second in 0.. {
                let mut flash = flash.clone();
                flash.cut_after(second, Tear::Half);
                update(&mut flash, NEW);
                if flash.has_power() {
                    break;
                }
                flash.restore();
                check(&mut flash, before, &format!("{name}, cut at {first} and {second}"));
            }
        }
    }
}

/// Each start of a trial and the note of its confirmation have one try to be cut in.
#[test]
fn a_confirmation_that_is_cut_each_time_ends_with_what_was_confirmed_before() {
    let mut flash = Memory::<8, 512>::blank(Slots::<Memory<8, 512>>::BYTES);
    update(&mut flash, 1);
    receive(&mut flash, NEW);
    for _ in 0..MAX_TRIES {
        flash.cut_after(4 + 1, Tear::Half); // the try's words, and one of the confirmation's
        let (mut device, _) = start_on(&mut flash).unwrap();
        assert_eq!(device.running(), Running::Trial(NEW));
        device.hear(&Message::Confirm { version: NEW });
        assert_eq!(device.running(), Running::Trial(NEW), "confirmed without power");
        flash.restore();
    }
    assert_eq!(start_on(&mut flash).unwrap().0.running(), Running::Confirmed(1));
}

#[test]
fn a_confirmed_block_that_rots_gives_way_to_the_one_before_and_the_floor_stays() {
    let mut flash = Memory::<8, 512>::blank(Slots::<Memory<8, 512>>::BYTES);
    update(&mut flash, 1);
    update(&mut flash, 2);
    let newest = block(2);
    let at = flash.bytes().windows(newest.len()).position(|window| window == newest).unwrap();
    flash.bytes_mut()[at + 100] ^= 0x10;
    let (device, settings) = start_on(&mut flash).unwrap();
    assert_eq!((device.running(), device.session().status().floor), (Running::Confirmed(1), 2));
    assert_eq!(settings.unwrap().common.ask_every_s, 1);
    update(&mut flash, 2);
    assert_eq!(start_on(&mut flash).unwrap().0.running(), Running::Confirmed(1), "2 came twice");
    update(&mut flash, 3);
    assert_eq!(start_on(&mut flash).unwrap().0.running(), Running::Confirmed(3));
}

#[test]
fn flash_of_other_words_or_too_little_of_it_is_refused() {
    let refused = |error| matches!(error, SlotsError::<_>::Words | SlotsError::TooSmall);
    assert!(Slots::new(Memory::<24, 480>::blank(9600)).is_err_and(refused));
    assert!(
        Slots::new(Memory::<8, 512>::blank(Slots::<Memory<8, 512>>::BYTES - 512))
            .is_err_and(refused)
    );
}

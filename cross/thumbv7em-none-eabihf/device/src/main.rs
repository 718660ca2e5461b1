//! A shelf label without a label: everything of a device but its display, on QEMU's MPS2 board with a
//! Cortex-M4 (AN386). Its serial line is the board's first UART. Its flash and its identity are files
//! of the computer that emulates it (semihosting), so they outlast a power cut.

#![no_std]
#![no_main]

mod clock;
mod file_flash;
mod host;
mod serial;
mod stack;
#[cfg(not(feature = "ed25519"))]
mod unverified;

use cortex_m_rt::entry;
use firmware_config::link::{Frame, Line, Message};
use firmware_config::{Device, Next, Provision, Running, Settings};

use clock::Clock;
use file_flash::FileFlash;
use serial::Serial;

/// Seconds between two questions where the settings say nothing, and at most: this device is
/// watched by a test.
const MAX_REST_S: u32 = 2;

#[entry]
fn main() -> ! {
    stack::paint();
    let mut serial = Serial::open();
    let mut clock = Clock::start();
    loop {
        run(&mut serial, &mut clock);
    }
}

/// From a start to the next.
fn run(serial: &mut Serial, clock: &mut Clock) {
    let mut provision = [0; Provision::BYTES];
    host::read_file(c"identity.bin", &mut provision);
    let Some(provision) = Provision::parse(&provision) else { host::fail("no identity") };
    let flash = FileFlash::open(c"flash.bin");
    let mut settings = None;
    #[cfg(feature = "ed25519")]
    let keys = provision.keys();
    #[cfg(not(feature = "ed25519"))]
    let keys = unverified::Engine;
    let Ok(mut device) = Device::start(flash, provision.identity, keys, &mut settings) else {
        host::fail("the flash cannot be used")
    };
    tell(device.running(), settings.as_ref());
    let mut running = device.running();
    let mut line = Line::default();
    let (mut next, mut wait_s) = (Next::Say, 0);
    loop {
        if next == Next::Restart {
            host::say("restarts", 0);
            return;
        }
        if wait_s == 0 {
            speak(serial, &device.say());
        }
        wait_s = if next == Next::Rest { MAX_REST_S } else { 1 };
        let heard = clock.within(wait_s, || {
            let frame = line.take(serial.take()?)?;
            let message = Frame::parse(frame).ok()?;
            Some(device.hear(&message))
        });
        next = heard.unwrap_or_else(|| device.tick());
        // What was answered is spoken about at once, unless there is nothing left to say.
        wait_s = u32::from(heard.is_some() && next == Next::Rest);
        if device.running() != running {
            running = device.running();
            tell(running, settings.as_ref());
            host::say("stack bytes", stack::used());
        }
    }
}

fn speak(serial: &mut Serial, message: &Message<'_>) {
    if let Ok(frame) = Frame::new(message) {
        let _ = frame.send(|bytes| {
            serial.send(bytes);
            Ok::<_, ()>(())
        });
    }
}

fn tell(running: Running, settings: Option<&Settings>) {
    match running {
        Running::Nothing => host::say("runs nothing", 0),
        Running::Confirmed(version) => host::say("runs confirmed", version),
        Running::Trial(version) => host::say("runs trial", version),
    }
    if let Some(settings) = settings {
        host::say("asks every", settings.common.ask_every_s);
    }
}

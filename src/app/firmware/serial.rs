//! Devices behind serial ports: a thread for each port, as the system's waits on them block.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firmware_config::link::{Frame, Line};

use super::port::Port;
use crate::firmware::{Firmware, Talk};

/// Before a port is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// Ports that are listened to until this is dropped.
pub(super) struct Ports(Arc<AtomicBool>);

impl Ports {
    /// Listens to these.
    pub(super) fn listen(firmware: &Firmware, paths: Vec<PathBuf>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let ports = Self(Arc::clone(&stop));
        for path in paths {
            let (firmware, stop) = (firmware.clone(), Arc::clone(&stop));
            std::thread::Builder::new()
                .name("serial".to_owned())
                .spawn(move || serve(&firmware, &path, &stop))?;
        }
        Ok(ports)
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Talks with whoever is behind a port, and opens it again whenever that ends.
fn serve(firmware: &Firmware, path: &Path, stop: &AtomicBool) {
    let mut is_told = false;
    while !stop.load(Ordering::Relaxed) {
        let ended = Port::open(path).and_then(|mut port| {
            tracing::info!(port = %path.display(), "listening to a serial port");
            is_told = false;
            talk(firmware, &mut port, stop)
        });
        if let Err(error) = ended
            && !std::mem::replace(&mut is_told, true)
        {
            tracing::warn!(port = %path.display(), %error, "a serial port cannot be used now");
        }
        std::thread::sleep(PAUSE);
    }
}

/// Answers until the port fails or is to be left.
fn talk(firmware: &Firmware, port: &mut Port, stop: &AtomicBool) -> io::Result<()> {
    let mut changes = firmware.changes();
    let (mut line, mut talk) = (Line::default(), firmware.talk());
    let mut buffer = [0; 256];
    while !stop.load(Ordering::Relaxed) {
        for byte in port.read(&mut buffer)?.to_vec() {
            let Some(frame) = line.take(byte) else { continue };
            // What is no message is noise: whoever said something says it again.
            let Ok(message) = Frame::parse(frame) else { continue };
            match talk.hear(&message) {
                Ok(answer) => send(port, answer)?,
                Err(error) => tracing::error!(%error, "a small device is not answered"),
            }
        }
        // Whoever is there and behind says hello at once, and not when its settings have it ask.
        let is_behind = talk.device().is_some_and(|device| firmware.is_behind(device));
        if changes.has_changed().unwrap_or(false) {
            changes.mark_unchanged();
            if is_behind {
                send(port, Talk::who())?;
            }
        }
    }
    Ok(())
}

fn send(port: &mut Port, frame: Option<Frame>) -> io::Result<()> {
    frame.map_or(Ok(()), |frame| frame.send(|bytes| port.write(bytes)))
}

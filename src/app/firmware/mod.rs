//! Small devices, joined with where their profiles come from and with the ports that they are behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::AppError;
use crate::config::Config;
use crate::firmware::{Firmware, FirmwareConfig, FirmwareError, MAX_PROFILES_BYTES, Profiles};

mod port;
mod serial;

use serial::Ports;

/// How often the store's own profiles are looked at. A file that changes from one look to the next is still being
/// written: the first half of it may be a document, too.
const LOOK: Duration = Duration::from_secs(1);

/// What HQ says of profiles: nothing yet, or its text, if it has one.
pub(super) type OfHq = Option<Option<String>>;

/// The store's small devices.
pub(super) struct SmallDevices {
    pub(super) firmware: Firmware,
    config: FirmwareConfig,
}

/// Opens what is kept of them, off the async threads; none where no store is named.
pub(super) async fn open(config: &Config) -> Result<Option<SmallDevices>, AppError> {
    let Some(wanted) = config.firmware.clone() else { return Ok(None) };
    let folder = config.data_dir.clone();
    let open = move || -> Result<_, FirmwareError> {
        let firmware = Firmware::open(&folder, &wanted.store)?;
        Ok(SmallDevices { firmware, config: wanted })
    };
    let opened = tokio::task::spawn_blocking(open).await;
    Ok(Some(opened.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))?))
}

impl SmallDevices {
    /// Keeps what devices should run in step with their profiles, and talks on serial ports, until it is
    /// dropped.
    pub(super) async fn run(self, of_hq: watch::Receiver<OfHq>) {
        let ports = Ports::listen(&self.firmware, self.config.serial);
        if let Err(error) = &ports {
            tracing::error!(%error, "serial ports are not listened to");
        }
        follow(self.firmware, self.config.profiles, of_hq).await;
    }
}

async fn follow(firmware: Firmware, file: Option<PathBuf>, mut of_hq: watch::Receiver<OfHq>) {
    let (mut applied, mut before) = (None, file.as_deref().and_then(stamp));
    loop {
        let now = file.as_deref().and_then(stamp);
        let is_written = now == std::mem::replace(&mut before, now);
        let wanted = (of_hq.borrow_and_update().clone(), now);
        if is_written && applied.as_ref() != Some(&wanted) {
            let (firmware, file, hq) = (firmware.clone(), file.clone(), wanted.0.clone());
            let work = move || apply(&firmware, file.as_deref(), hq);
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(0)) => {}
                Ok(Ok(changed)) => tracing::info!(changed, "small devices are told something else"),
                Ok(Err(error)) => {
                    tracing::error!(%error, "small devices are told what they were told before");
                }
                Err(error) => tracing::error!(%error, "reading profiles failed"),
            }
            applied = Some(wanted);
        }
        // Where HQ cannot say anything only the file is looked at.
        tokio::select! {
            Ok(()) = of_hq.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// What tells that a file was written.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn apply(firmware: &Firmware, file: Option<&Path>, hq: OfHq) -> Result<usize, FirmwareError> {
    let mut profiles = of_hq(firmware, hq)?;
    if let Some(path) = file {
        profiles = profiles.under(Profiles::parse(&read(path)?)?);
    }
    firmware.apply(&profiles)
}

/// What HQ says of profiles. Until the line is begun, and while it says nothing that can be done, what it
/// said last holds.
fn of_hq(firmware: &Firmware, said: OfHq) -> Result<Profiles, FirmwareError> {
    match said.map(|said| (Profiles::parse(said.as_deref().unwrap_or_default()), said)) {
        Some((Ok(profiles), said)) => {
            firmware.keep_of_hq(said.as_deref())?;
            Ok(profiles)
        }
        Some((Err(error), _)) => {
            tracing::error!(%error, "HQ's profiles of small devices are not followed");
            Profiles::parse(firmware.of_hq()?.as_deref().unwrap_or_default())
        }
        None => Profiles::parse(firmware.of_hq()?.as_deref().unwrap_or_default()),
    }
}

/// A document, or as much of it as shows that it is too large.
fn read(path: &Path) -> Result<String, FirmwareError> {
    use std::io::Read as _;
    let mut text = String::new();
    let most = MAX_PROFILES_BYTES as u64 + 1;
    let file = |source| FirmwareError::File { act: "reading", path: path.to_owned(), source };
    let opened = std::fs::File::open(path).map_err(file)?;
    opened.take(most).read_to_string(&mut text).map_err(file)?;
    Ok(text)
}

#[cfg(test)]
mod tests;

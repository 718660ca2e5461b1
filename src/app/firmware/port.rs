//! A serial port as bytes that come and go.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, SpecialCodeIndex, isatty, tcgetattr, tcsetattr};

/// What devices and boxes use where nothing says otherwise.
const BAUD: u32 = 115_200;
/// How long a read waits for the first byte, in tenths of a second.
const PATIENCE_TENTHS: u8 = 3;
/// A read that says sooner that nothing came says that nothing will.
const HUNG_UP: Duration = Duration::from_millis(100);

/// An open port.
pub(super) struct Port(File);

impl Port {
    /// Opens it: 8 bits, no parity, no flow control, nothing that a terminal would do to bytes.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Without waiting for a carrier, which nobody may ever give.
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits();
        let flags = i32::try_from(flags).map_err(io::Error::other)?;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        if !isatty(&file) {
            return Err(io::Error::other("this is no serial port"));
        }
        let mut settings = tcgetattr(&file)?;
        settings.make_raw();
        settings.set_speed(BAUD)?;
        settings.special_codes[SpecialCodeIndex::VMIN] = 0;
        settings.special_codes[SpecialCodeIndex::VTIME] = PATIENCE_TENTHS;
        tcsetattr(&file, OptionalActions::Now, &settings)?;
        rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(Self(file))
    }

    /// Some bytes, none after a moment in which none came; an error where the other end is gone.
    pub(super) fn read<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let since = Instant::now();
        let read = self.0.read(buffer)?;
        if read == 0 && since.elapsed() < HUNG_UP {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(buffer.get(..read).unwrap_or_default())
    }

    /// All of these.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

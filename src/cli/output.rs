//! Standard output and standard error, without a panic when nobody reads.

use std::io::{self, IsTerminal, Write};

/// Writes one line of the result.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes a part of the result at once.
pub(super) fn part(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a value as indented JSON.
pub(super) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(line(&serde_json::to_string_pretty(value)?)?)
}

/// Tells the person something that is not the result. Nobody listening is no fault.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a command ended because the reader of its output went away.
pub(super) fn is_closed_pipe(fault: &anyhow::Error) -> bool {
    fault.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Tells a person at a terminal what takes a while; silent where nobody watches.
pub(super) fn progress_note(text: &str) {
    if io::stderr().is_terminal() {
        note(text);
    }
}

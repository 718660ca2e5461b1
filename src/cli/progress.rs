//! Progress for people: bars on a terminal, a line now and then elsewhere; always on stderr.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::packages::Progress;
use crate::units::Bytes;

const KNOWN: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const UNKNOWN: &str = "{msg} {spinner} {bytes} {bytes_per_sec}";
/// Without a terminal a long step says this often that it goes on.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows [`Progress`] on stderr.
#[derive(Debug)]
pub(super) struct Bars {
    terminal: bool,
    step: Mutex<Option<Step>>,
}

#[derive(Debug)]
struct Step {
    what: String,
    bar: ProgressBar,
    told: Instant,
}

impl Bars {
    /// Bars where stderr is a terminal, lines where it is not.
    pub(super) fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), step: Mutex::new(None) }
    }

    fn with_step(&self, act: impl FnOnce(&mut Option<Step>)) {
        act(&mut self.step.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Bars {
    fn start(&self, what: &str, bytes: Option<u64>) {
        let bar = match (self.terminal, bytes) {
            (false, _) => ProgressBar::hidden(),
            (true, Some(bytes)) => ProgressBar::new(bytes).with_style(style(KNOWN)),
            (true, None) => ProgressBar::no_length().with_style(style(UNKNOWN)),
        };
        bar.set_message(what.to_owned());
        if !self.terminal {
            if let Some(bytes) = bytes {
                bar.set_length(bytes);
            }
            line(what);
        }
        let step = Step { what: what.to_owned(), bar, told: Instant::now() };
        self.with_step(|slot| *slot = Some(step));
    }

    fn advance(&self, bytes: u64) {
        self.with_step(|step| {
            let Some(step) = step else { return };
            step.bar.inc(bytes);
            if !self.terminal && step.told.elapsed() >= LINE_EVERY {
                step.told = Instant::now();
                let done = Bytes(step.bar.position());
                match step.bar.length() {
                    Some(all) => line(&format!("{}: {done} of {}", step.what, Bytes(all))),
                    None => line(&format!("{}: {done}", step.what)),
                }
            }
        });
    }

    fn finish(&self) {
        self.with_step(|step| {
            if let Some(step) = step.take() {
                step.bar.abandon();
            }
        });
    }

    fn note(&self, text: &str) {
        self.with_step(|step| match step {
            Some(step) if self.terminal => step.bar.suspend(|| line(text)),
            _ => line(text),
        });
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// A progress line that cannot be written is of no use to anybody.
fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

//! A process beside the demo that is started again where it ends by itself.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::cli::beside::Beside;
use crate::cli::output;

/// Before it is started again; each time it does not last, twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// After running for so long its end has nothing to do with its start.
const LASTED: Duration = Duration::from_secs(60);

/// A process that runs as long as it is wanted.
pub(super) struct Process {
    what: &'static str,
    arguments: Vec<OsString>,
    runs: Option<Beside>,
    started: Instant,
    pause: Duration,
    /// When it may be started again.
    again: Instant,
    trouble: Option<String>,
}

impl Process {
    /// Starts it. From then on it is started with `arguments`, made of the address where it was found.
    pub(super) async fn start<A>(
        what: &'static str,
        first: impl IntoIterator<Item = OsString>,
        arguments: impl FnOnce(&str) -> anyhow::Result<A>,
    ) -> anyhow::Result<Self>
    where
        A: IntoIterator<Item = OsString>,
    {
        let runs = Beside::start(what, first).await?;
        let arguments = arguments(&runs.address)?.into_iter().collect();
        let (started, again) = (Instant::now(), Instant::now());
        let (runs, pause, trouble) = (Some(runs), FIRST_PAUSE, None);
        Ok(Self { what, arguments, runs, started, pause, again, trouble })
    }

    /// Why it does not run although it is wanted.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether it runs, as far as was seen.
    pub(super) fn is_there(&self) -> bool {
        self.runs.is_some()
    }

    /// Looks after it: it runs where it is wanted, and does not where it is not.
    pub(super) async fn look(&mut self, is_wanted: bool) {
        if let Some(status) = self.runs.as_mut().and_then(Beside::over) {
            self.runs = None;
            self.pause = match self.started.elapsed() > LASTED {
                true => FIRST_PAUSE,
                false => (self.pause * 2).min(LONGEST_PAUSE),
            };
            self.again = Instant::now() + self.pause;
            if is_wanted {
                self.tell(format!("{} has ended ({status}); it is started again", self.what));
            }
        }
        match (self.runs.take(), is_wanted) {
            (Some(running), false) => running.end().await,
            (None, true) if Instant::now() >= self.again => self.start_again().await,
            (runs, _) => self.runs = runs,
        }
        if !is_wanted {
            // Wanted again, it is there at once.
            (self.trouble, self.again, self.pause) = (None, Instant::now(), FIRST_PAUSE);
        }
    }

    async fn start_again(&mut self) {
        self.started = Instant::now();
        match Beside::start(self.what, self.arguments.clone()).await {
            Ok(running) => {
                self.runs = Some(running);
                if self.trouble.take().is_some() {
                    output::note(&format!("{} runs again", self.what));
                }
            }
            Err(error) => {
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                self.again = Instant::now() + self.pause;
                self.tell(format!("{error:#}; it is tried again"));
            }
        }
    }

    /// Says it at the terminal, once.
    fn tell(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            output::note(&format!("note: {trouble}"));
        }
        self.trouble = Some(trouble);
    }

    /// Ends it.
    pub(super) async fn end(mut self) {
        if let Some(running) = self.runs.take() {
            running.end().await;
        }
    }
}

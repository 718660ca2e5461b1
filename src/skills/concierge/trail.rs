//! How an answer comes about, told while it does.

use std::time::Instant;

use tokio::sync::mpsc;

use super::tools::{Call, ToolUse};
use super::turn::{Passed, Step, Telling, Verdict};

/// Steps and tools of one turn, and whoever listens to them.
pub(super) struct Trail {
    pub(super) route: Vec<Passed>,
    pub(super) tools: Vec<ToolUse>,
    listener: Option<mpsc::Sender<Telling>>,
    since: Instant,
}

impl Trail {
    /// `listener` is told of each step as it is taken; one that went away is told no more.
    pub(super) fn new(listener: Option<mpsc::Sender<Telling>>) -> Self {
        let (route, tools) = Default::default();
        Self { route, tools, listener, since: Instant::now() }
    }

    /// A step begins.
    pub(super) async fn begin(&mut self, step: Step, reason: &str) {
        self.since = Instant::now();
        self.tell(Telling::Step { step, reason: reason.to_owned() }).await;
    }

    /// The step has come to an end.
    pub(super) fn end(&mut self, step: Step, outcome: Verdict, reason: impl Into<String>) {
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.route.push(Passed { step, outcome, reason: reason.into(), ms });
        self.since = Instant::now();
    }

    /// A step begins and ends at once.
    pub(super) async fn pass(&mut self, step: Step, outcome: Verdict, reason: &str) {
        self.begin(step, reason).await;
        self.end(step, outcome, reason);
    }

    /// A tool was used.
    pub(super) async fn used(&mut self, call: &Call, outcome: &str) {
        let used = ToolUse::of(call, outcome);
        self.tools.push(used.clone());
        self.tell(Telling::Tool(used)).await;
    }

    /// The answer's text goes on.
    pub(super) async fn say(&self, text: &str) {
        self.tell(Telling::Delta(text.to_owned())).await;
    }

    async fn tell(&self, telling: Telling) {
        if let Some(listener) = &self.listener {
            // Who went away ends the work by dropping it.
            let _ = listener.send(telling).await;
        }
    }
}

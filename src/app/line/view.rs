//! The line as it is shown and counted, from moment to moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::api::{AuditHeadView, LineView, OutboxView};
use crate::protocol::{Stream, UnixMillis};
use crate::state::{Bounds, StateConfig, StateError, Store};
use crate::sync::Phase;
use crate::sync::mqtt::Status;
use crate::telemetry::Metrics;

/// How old what is shown may be.
const FRESH: Duration = Duration::from_secs(2);

/// Every phase there is.
pub(super) const PHASES: [&str; 6] =
    ["broken", "waiting", "connecting", "subscribing", "asking", "open"];

pub(super) struct Shown {
    pub(super) place: String,
    pub(super) broker: String,
    pub(super) store: Store,
    pub(super) metrics: Arc<Metrics>,
    /// Why what HQ wants is not followed.
    pub(super) not_followed: watch::Receiver<Option<String>>,
}

impl Shown {
    /// Shows how the line is, whenever that changes and every few moments.
    pub(super) async fn run(
        self,
        mut status: watch::Receiver<Status>,
        show: watch::Sender<LineView>,
    ) {
        let this = Arc::new(self);
        loop {
            let (at, again) = (status.borrow_and_update().clone(), Arc::clone(&this));
            let look = tokio::task::spawn_blocking(move || again.look(&at));
            match look.await {
                Ok(view) => {
                    this.count(&view);
                    show.send_replace(view);
                }
                Err(_) => return, // The runtime ends.
            }
            tokio::select! {
                changed = status.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(FRESH) => {}
            }
        }
    }

    fn look(&self, status: &Status) -> LineView {
        let mut view = LineView {
            phase: phase(status.phase),
            since_ms: Some(status.since.0),
            next_try_ms: status.next_try.map(|at| at.0),
            place: Some(self.place.clone()),
            broker: Some(self.broker.clone()),
            connections: status.connections,
            trouble: status.trouble.clone().or_else(|| self.not_followed.borrow().clone()),
            hq_time_ms: status.hq_time.map(|at| at.0),
            refused: status.refused.clone(),
            ..LineView::off()
        };
        if let Err(error) = self.look_at_state(&mut view) {
            self.store.distrust();
            view.trouble = Some(error.to_string());
        }
        view
    }

    fn look_at_state(&self, view: &mut LineView) -> Result<(), StateError> {
        view.floor_ms = Some(self.store.floor()?.0);
        view.audit_head = self.store.audit_head()?.map(|head| AuditHeadView {
            entry: head.entry,
            head: head.stored.head.to_string(),
            signed_ms: head.stored.at.0,
        });
        for (stream, name) in STREAMS {
            let at = self.store.position(stream)?;
            let outbox = OutboxView {
                entries: at.count(),
                bytes: at.bytes,
                limit_bytes: bounds(self.store.config(), stream).max_bytes,
                oldest_ms: self.store.oldest(stream)?.map(|oldest| oldest.0),
                written: at.next - 1,
                stored: at.acked,
            };
            view.outbox.insert(name, outbox);
        }
        Ok(())
    }

    fn count(&self, view: &LineView) {
        let line = self.metrics.line();
        line.phase(view.phase, &PHASES);
        line.connections(view.connections);
        for (reason, total) in &view.refused {
            line.refused(reason, *total);
        }
        for (stream, outbox) in &view.outbox {
            let oldest =
                outbox.oldest_ms.map_or(0, |ms| UnixMillis::now().since(UnixMillis(ms)) / 1000);
            line.outbox(stream, outbox.entries, outbox.bytes, oldest);
        }
    }
}

const STREAMS: [(Stream, &str); 4] =
    [(Stream::Audit, "audit"), (Stream::Evt, "evt"), (Stream::Tel, "tel"), (Stream::Log, "log")];

fn bounds(config: &StateConfig, stream: Stream) -> Bounds {
    match stream {
        Stream::Audit => config.audit,
        Stream::Tel => config.telemetry,
        Stream::Log => config.log,
        Stream::Evt | Stream::Cmd => config.events,
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting { .. } => "waiting",
        Phase::Connecting => "connecting",
        Phase::Subscribing => "subscribing",
        Phase::Asking => "asking",
        Phase::Open => "open",
    }
}

//! Log lines that a person may have to act on, for whoever tells them elsewhere.

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How the modules of this program begin; what its libraries warn of is in the log only.
const OURS: &str = "endcap";
/// Fields of a line that are carried.
const MAX_FIELDS: usize = 16;

/// A warning or an error, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warned {
    /// Whether a person must act.
    pub error: bool,
    /// The module that said it.
    pub target: &'static str,
    /// The constant sentence.
    pub sentence: String,
    /// Its fields, as text.
    pub fields: Vec<(&'static str, String)>,
}

/// Hands warnings and errors on as long as there is room; the rest is in the log only.
pub(super) struct Tap(pub(super) mpsc::Sender<Warned>);

impl<S: Subscriber> Layer<S> for Tap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        if level > Level::WARN || !target.starts_with(OURS) {
            return;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let Said { sentence, fields } = said;
        let _ = self.0.try_send(Warned { error: level == Level::ERROR, target, sentence, fields });
    }
}

#[derive(Default)]
struct Said {
    sentence: String,
    fields: Vec<(&'static str, String)>,
}

impl Said {
    fn note(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.sentence = value;
        } else if self.fields.len() < MAX_FIELDS {
            self.fields.push((field.name(), value));
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.note(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn warnings_are_handed_on_with_their_fields_and_nothing_less_is() {
        let (sender, mut taps) = mpsc::channel(2);
        let subscriber = tracing_subscriber::registry().with(Tap(sender));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("not this");
            tracing::warn!(target: "tract_onnx::model", "nor what a library says");
            tracing::warn!(count = 3, why = "full", "a thing happened");
            tracing::error!(error = %"gone", "act");
            tracing::error!("there is no room for this");
        });
        let warned = taps.try_recv().unwrap();
        assert_eq!((warned.error, &*warned.sentence), (false, "a thing happened"));
        assert_eq!(warned.fields, [("count", "3".to_owned()), ("why", "full".to_owned())]);
        let error = taps.try_recv().unwrap();
        assert_eq!((error.error, error.fields), (true, vec![("error", "gone".to_owned())]));
        assert!(taps.try_recv().is_err());
    }
}

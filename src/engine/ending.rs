//! Word of a model's end: its thread is over and its memory given back.

use tokio::sync::watch;

/// Held by the thread; let go of at its very end.
#[derive(Debug)]
pub(super) struct Alive(
    #[expect(dead_code, reason = "what counts is that it lives")] watch::Sender<()>,
);

/// Held by those who want to know.
#[derive(Debug, Clone)]
pub(super) struct Ending(watch::Receiver<()>);

/// Both ends.
pub(super) fn watched() -> (Alive, Ending) {
    let (alive, ending) = watch::channel(());
    (Alive(alive), Ending(ending))
}

impl Ending {
    /// Waits for the end.
    pub(super) async fn come(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

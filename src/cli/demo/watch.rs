//! Looks after what runs beside the demo, and tells `endcap status` what does not.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::headquarters::Headquarters;
use super::line::{Broker, LOOK};
use crate::cli::context::Context;

/// What is looked after.
pub(super) struct Watch {
    pub(super) broker: Broker,
    pub(super) hq: Headquarters,
    /// Where commands look for the demo.
    pub(super) data_dir: PathBuf,
}

impl Watch {
    /// Until told to stop; ends headquarters and the broker then.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            self.broker.look().await;
            self.hq.look().await;
            self.tell();
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        self.hq.end().await;
        self.broker.end().await;
    }

    /// Writes down what does not run, once the demo can be found.
    fn tell(&self) {
        let troubles = [self.broker.trouble(), self.hq.trouble()];
        let troubles: Vec<String> = troubles.into_iter().flatten().map(str::to_owned).collect();
        let Ok(context) = Context::read(&self.data_dir) else { return };
        if context.server.is_none() || context.troubles == troubles {
            return;
        }
        if let Err(error) = (Context { troubles, ..context }).write(&self.data_dir) {
            tracing::warn!(%error, "what of the demo does not run cannot be written down");
        }
    }
}

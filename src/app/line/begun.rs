//! A line that was begun: what runs of it, and what the rest of the box asks of it.

use std::sync::Arc;

use tokio::sync::watch as channel;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::acts::Log;
use super::commands::Known;
use super::identity::Identity;
use super::levels::Levels;
use super::notes::Notes;
use super::opened::Opened;
use super::renewal::Renewal;
use super::{
    LookedAt, examples, feedback, follow, keep, receipts, settings, small, telemetry, until, view,
    watch,
};
use crate::api::{LineView, Settings};
use crate::config::Config;
use crate::protocol::UnixMillis;
use crate::sync::mqtt::Status;

/// A line that runs until it is told to stop.
pub(super) struct Begun {
    /// The settings that change while it runs.
    pub(super) settings: Arc<dyn Settings>,
    /// Where acts of persons are written down.
    pub(super) acts: Log,
    /// Takes notes for HQ.
    pub(super) notes: Notes,
    /// All that runs.
    pub(super) tasks: JoinSet<()>,
}

impl Begun {
    /// Begins everything.
    pub(super) fn new(
        config: &Config,
        opened: Opened,
        looked_at: LookedAt,
        show: channel::Sender<LineView>,
        stop: CancellationToken,
    ) -> Self {
        let Opened { resolved, store, time, room } = opened;
        let LookedAt {
            metrics,
            facts,
            cache,
            shelf,
            warned,
            tokens,
            desk,
            pairing,
            firmware,
            in_force,
        } = looked_at;
        // What HQ and the store set holds from the first answer on.
        in_force.set(&room.follow().borrow());
        let mut tasks = JoinSet::new();
        tasks.spawn(until(stop.clone(), in_force.follow(room.follow())));
        let file = settings::of_file(config);
        let kept = settings::Kept { room: room.clone(), time: Arc::clone(&time), file };
        let settings: Arc<dyn Settings> = Arc::new(kept);
        let hands = Known { cache: cache.clone(), pairing, tokens: Arc::clone(&tokens) };
        let acts = Log { store: store.clone(), time: Arc::clone(&time) };
        let levels = Levels {
            log: acts.clone(),
            tokens,
            identity: config.line.identity.clone(),
            place: resolved.trust.who.place.clone(),
        };
        tasks.spawn(until(stop.clone(), levels.run()));
        let identity = Identity::new(&config.line.identity, &resolved);
        let (told, status) = channel::channel(Status::new(UnixMillis::now()));
        let (place, broker) = (&resolved.trust.who.place, &resolved.broker.address);
        tracing::info!(%place, %broker, "keeping the line to HQ");
        let (unfollowed, not_followed) = channel::channel(None);
        let shown = view::Shown {
            place: place.to_string(),
            broker: broker.to_string(),
            store: store.clone(),
            metrics: Arc::clone(&metrics),
            not_followed,
        };
        let (notes, writer) = Notes::new(store.clone(), Arc::clone(&metrics));
        notes.event("server.started", [("version", env!("CARGO_PKG_VERSION").into())]);
        tasks.spawn(writer);
        let examples = examples::Examples {
            desk: desk.clone(),
            identity: config.line.identity.clone(),
            hq: resolved.hq.clone(),
        };
        tasks.spawn(until(stop.clone(), examples.run()));
        tasks.spawn(until(stop.clone(), feedback::tell(desk, notes.clone())));
        if let Some(firmware) = firmware.clone() {
            tasks.spawn(until(stop.clone(), small::tell(firmware, notes.clone())));
        }
        let receipts = receipts::Receipts {
            store: store.clone(),
            facts: facts.clone(),
            cache: cache.clone(),
            shelf: Arc::clone(&shelf),
            catalogues: identity.catalogues(),
        };
        let follow = follow::Follow {
            store: store.clone(),
            trust: resolved.trust.clone(),
            hq: resolved.hq.clone(),
            room,
            time: Arc::clone(&time),
            identity: config.line.identity.clone(),
            catalogues: identity.catalogues(),
            data_dir: config.data_dir.clone(),
            facts: facts.clone(),
            zone: config.facts.zone,
            shelf: Arc::clone(&shelf),
            cache,
            hands: Arc::new(hands),
            metrics: Arc::clone(&metrics),
            status: status.clone(),
            unfollowed,
        };
        tasks.spawn(follow.run(stop.clone()));
        let renewal = Renewal {
            identity: identity.clone(),
            place: resolved.trust.who.place.clone(),
            hq: resolved.hq.clone(),
            time: Arc::clone(&time),
            metrics: Arc::clone(&metrics),
            notes: notes.clone(),
        };
        tasks.spawn(until(stop.clone(), renewal.run()));
        let followed = identity.clone().follow(store.clone(), time, status.clone());
        tasks.spawn(until(stop.clone(), followed));
        let keep = keep::Keep { store, resolved, settings: config.line.clone(), identity, told };
        tasks.spawn(keep.run(stop.clone()));
        let every = config.line.telemetry_every;
        tasks.spawn(until(stop.clone(), shown.run(status, show)));
        tasks.spawn(until(stop.clone(), watch::warnings(warned, notes.clone())));
        tasks.spawn(until(stop.clone(), watch::models(shelf, notes.clone())));
        tasks.spawn(until(stop.clone(), receipts.run()));
        let folder = config.data_dir.clone();
        let measured = telemetry::Measured { metrics, facts, firmware, folder };
        tasks.spawn(until(stop.clone(), telemetry::run(measured, notes.clone(), every)));
        Self { settings, acts, notes, tasks }
    }
}

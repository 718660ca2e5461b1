//! What happens at the desk, as it happens: `GET /store/v1/desk/events`.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream::unfold;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::associate;
use super::views::HandoffView;
use crate::api::feed::{self, EventId, LOOK_PERIOD};
use crate::api::service::Service;
use crate::api::store::conversations::views::TurnView;
use crate::api::streams::Followed;
use crate::desk::{Associate, Desk, Listening, State as Presence, Told};
use crate::http::{Identity, Problem, Role, Stage};

/// What an event carries.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::api) enum DeskEvent {
    /// Of `ring`, `escalated`, `claimed` and `closed`.
    Handoff(Box<HandoffView>),
    /// Of `turn`.
    Turn {
        /// In which handoff.
        handoff: String,
        turn: Box<TurnView>,
    },
    /// Of `presence`.
    Presence {
        /// What people call the associate's device.
        name: String,
        #[schemars(with = "String")]
        state: Presence,
    },
    /// Of `begin`, and of `reset`: something was missed, so the list is to be read again.
    Begin {},
}

/// Who listens, and how far they are.
struct Listener {
    service: Arc<Service>,
    desk: Desk,
    who: Associate,
    /// Admins see what is for others, too.
    sees_all: bool,
    seen: u64,
    pending: VecDeque<Event>,
    told: watch::Receiver<u64>,
    deadline: Instant,
    /// An associate is present while this is held.
    _present: Option<Listening>,
    _followed: Followed,
}

/// `GET /store/v1/desk/events`.
pub(in crate::api) async fn follow(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    request: Request,
) -> Result<Response, Problem> {
    let last = EventId::last(&request)?;
    let who = associate(identity.as_ref())?;
    let followed = service.streams.follow(identity.as_ref())?;
    let role = identity.map(|identity| identity.role);
    let listener = Listener::begin(service, (who, role, followed), last)?;
    let events = unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((event, listener))
    });
    Ok(feed::respond(events))
}

impl Listener {
    fn begin(
        service: Arc<Service>,
        (who, role, followed): (Associate, Option<Role>, Followed),
        last: Option<EventId>,
    ) -> Result<Self, Problem> {
        let desk = service.desk()?.clone();
        let told = desk.told();
        let seen = *told.borrow();
        let present = (role == Some(Role::Associate)).then(|| desk.listen(&who));
        let deadline = Instant::now() + service.request_timeout;
        let sees_all = role == Some(Role::Admin);
        let pending = VecDeque::new();
        let mut listener = Self {
            service,
            desk,
            who,
            sees_all,
            seen,
            pending,
            told,
            deadline,
            _present: present,
            _followed: followed,
        };
        match last {
            None => listener.start("begin"),
            Some(id) if id.origin == listener.desk.origin() => listener.seen = id.number,
            Some(_) => listener.start("reset"),
        }
        Ok(listener)
    }

    /// Begins from what is there now.
    fn start(&mut self, name: &'static str) {
        self.seen = *self.told.borrow_and_update();
        self.push(name, self.seen, &DeskEvent::Begin {});
    }

    /// The next event; none when the request's time is over, the server stops or the token is revoked.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            self.fetch();
            if self.pending.is_empty() && !self.wait().await {
                return None;
            }
        }
    }

    fn fetch(&mut self) {
        self.told.mark_unchanged();
        let Ok(told) = self.desk.told_behind(self.seen) else { return self.start("reset") };
        for (number, told) in told {
            self.seen = number;
            if self.sees_all || told.to().is_none_or(|to| to == self.who.id) {
                let (name, event) = shown(told, &self.who.id);
                self.push(name, number, &event);
            }
        }
    }

    /// Waits for news; false when there will be none.
    async fn wait(&mut self) -> bool {
        loop {
            let draining = self.service.health.stage() == Stage::Draining;
            let counts = self.service.tokens.holds(&self.who.id);
            if draining || !counts || Instant::now() >= self.deadline {
                return false;
            }
            let look = self.deadline.min(Instant::now() + LOOK_PERIOD);
            tokio::select! {
                changed = self.told.changed() => return changed.is_ok(),
                () = sleep_until(look) => {}
            }
        }
    }

    fn push(&mut self, name: &'static str, number: u64, event: &DeskEvent) {
        let id = EventId { origin: self.desk.origin(), number };
        match Event::default().event(name).id(id.to_string()).json_data(event) {
            Ok(event) => self.pending.push_back(event),
            Err(error) => tracing::error!(%error, "an event of the desk could not be told"),
        }
    }
}

/// What was told, as this associate sees it.
fn shown(told: Told, seen_by: &str) -> (&'static str, DeskEvent) {
    let view = |handoff| DeskEvent::Handoff(Box::new(HandoffView::of(handoff, seen_by)));
    match told {
        Told::Ring { handoff, .. } => ("ring", view(handoff)),
        Told::Escalated(handoff) => ("escalated", view(handoff)),
        Told::Claimed(handoff) => ("claimed", view(handoff)),
        Told::Closed(handoff, _) => ("closed", view(handoff)),
        Told::Turn { handoff, turn, .. } => {
            let turn = Box::new(TurnView::from(turn));
            ("turn", DeskEvent::Turn { handoff: handoff.to_string(), turn })
        }
        Told::Presence { name, state, .. } => ("presence", DeskEvent::Presence { name, state }),
    }
}

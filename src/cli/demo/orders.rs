//! A sample order system for the demo: a few orders, in a task beside the store, asked over HTTP as a
//! retailer's own would be.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use tokio::net::TcpListener;

use crate::config::Connector;
use crate::facts::UnixSeconds;
use crate::skills::concierge::{Action, OrderCall, OrderLine, OrderReply, OrderState, Proof};

/// Answers that are remembered by their key.
const MAX_REMEMBERED: usize = 1_000;
/// What shows whose the order 1050 is.
const PICKUP_CODE: &str = "K7QP";
const DAY_S: i64 = 86_400;

/// The system, with what it answered under each key.
#[derive(Default)]
struct Sample {
    answered: Mutex<BTreeMap<String, OrderReply>>,
}

/// Starts it on a free port of this machine; it ends with the process. Where it is to be asked.
pub(super) async fn start() -> anyhow::Result<Connector> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.context("no port for the sample order system")?;
    let url = format!("http://{}/orders", listener.local_addr()?);
    let router = Router::new().route("/orders", post(answer)).with_state(Arc::default());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let address = url.parse().map_err(|why: String| anyhow::anyhow!(why))?;
    Ok(Connector { address, token_file: None, timeout: Duration::from_secs(4) })
}

async fn answer(
    State(sample): State<Arc<Sample>>,
    headers: HeaderMap,
    Json(call): Json<OrderCall>,
) -> Json<OrderReply> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let mut answered = sample.answered.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(before) = key.as_ref().and_then(|key| answered.get(key)) {
        return Json(before.clone());
    }
    let reply = reply(&call, UnixSeconds::now());
    if let Some(key) = key.filter(|_| answered.len() < MAX_REMEMBERED) {
        answered.insert(key, reply.clone());
    }
    Json(reply)
}

fn reply(call: &OrderCall, now: UnixSeconds) -> OrderReply {
    let Some((state, lines, due)) = order(&call.order) else { return OrderReply::NotFound };
    if call.order == "1050" && !call.proof.as_deref().is_some_and(proves) {
        return OrderReply::NeedsProof { what: Proof::PickupCode };
    }
    let text = |text: &str| Some(text.to_owned());
    match (call.action, state) {
        (Action::Status, _) => OrderReply::Status {
            state,
            lines: lines.iter().map(|(n, name)| line(*n, name)).collect(),
            due: due.map(|days| day(now, days)),
            place: (state == OrderState::Ready).then(|| "Service desk, shelf 4".to_owned()),
        },
        (Action::Change, OrderState::Received | OrderState::Packing) => {
            OrderReply::Changed { text: text("We will confirm the change by e-mail.") }
        }
        (Action::Change, _) => {
            OrderReply::Refused { text: text("It is packed already; it can be returned.") }
        }
        (Action::Return, OrderState::Ready | OrderState::Delivered) => OrderReply::ReturnStarted {
            number: format!("R-{}", call.order),
            text: text("Bring it to the service desk within 14 days."),
        },
        (Action::Return, _) => OrderReply::Refused { text: text("It has not arrived yet.") },
    }
}

type Order = (OrderState, &'static [(u32, &'static str)], Option<i64>);

/// The orders that there are: state, lines, and in how many days they are due.
fn order(number: &str) -> Option<Order> {
    Some(match number {
        "1042" => (
            OrderState::Ready,
            &[(2, "Corner Market 1% Low-Fat Milk 1 gal"), (1, "North Ridge Fuji Apples")],
            None,
        ),
        "1043" => (OrderState::Packing, &[(6, "Corner Market Grape Soda 2 L")], Some(1)),
        "1050" => (OrderState::Shipped, &[(1, "Birthday cake, lemon")], Some(2)),
        "1061" => (OrderState::Delivered, &[(1, "Coffee maker")], None),
        _ => return None,
    })
}

fn proves(code: &str) -> bool {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    letters.collect::<String>().eq_ignore_ascii_case(PICKUP_CODE)
}

fn line(quantity: u32, name: &str) -> OrderLine {
    OrderLine { name: name.to_owned(), quantity }
}

/// A day from now on, as `2026-11-28`.
fn day(now: UnixSeconds, days: i64) -> String {
    let then = UnixSeconds(now.0 + days * DAY_S).to_string();
    then.split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(action: Action, order: &str, proof: Option<&str>) -> OrderReply {
        let (order, proof) = (order.to_owned(), proof.map(str::to_owned));
        let now = "2026-11-26T12:00:00Z".parse().unwrap();
        reply(&OrderCall { action, order, proof, note: None }, now)
    }

    #[test]
    fn orders_are_looked_up_changed_and_returned_as_far_as_they_can_be() {
        use OrderReply::{Changed, NeedsProof, NotFound, Refused, ReturnStarted, Status};
        assert!(matches!(
            asked(Action::Status, "1042", None),
            Status { state: OrderState::Ready, .. }
        ));
        assert!(matches!(asked(Action::Status, "9", None), NotFound));
        assert!(matches!(asked(Action::Status, "1050", Some("no")), NeedsProof { .. }));
        let Status { due, .. } = asked(Action::Status, "1050", Some("k7-qp")) else { panic!() };
        assert_eq!(due.as_deref(), Some("2026-11-28"));
        assert!(matches!(asked(Action::Change, "1043", None), Changed { .. }));
        assert!(matches!(asked(Action::Change, "1042", None), Refused { .. }));
        assert!(matches!(asked(Action::Return, "1061", None), ReturnStarted { .. }));
    }
}

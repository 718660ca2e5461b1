//! From a claim to a certificate, and on to the next.

use super::*;
use crate::hq::enrolment::Shown;
use crate::identity::{make_proof, make_renewal, make_request, pending_request, write_identity};

const HOUR_MS: u64 = 3_600_000;

#[tokio::test]
async fn a_claim_makes_one_box_a_node_once() {
    let (house, actor) = (House::new().await, Actor::local());
    let place: Place = "acme/store-1/box-b".parse().unwrap();
    let claim = house.hq.add_claim(&actor, &place, HOUR_MS).await.unwrap();
    let (_key, request) = make_request().unwrap();
    let identity = house.hq.enrol(&claim.token, &request).await.unwrap();
    assert_eq!(identity.place, place.to_string());
    assert_eq!(
        house.hq.node_of(&identity.token, Shown::NotAsked).await.unwrap(),
        Some(place.clone())
    );
    let (_key, of_another) = make_request().unwrap();
    let error = house.hq.enrol(&claim.token, &of_another).await.unwrap_err();
    assert!(matches!(error, HqError::Untrusted(_)), "{error}");
    let row = house.hq.registry().node(&place).await.unwrap();
    assert_eq!(row.certificate_until_ms, Some(identity.certificate_until_ms));
    let claims = house.hq.claims(&place.tenant).await.unwrap();
    assert!(claims[0].used_ms.is_some());
    for secret in [&claim.token, &identity.token] {
        assert!(!format!("{claim:?} {identity:?} {claims:?}").contains(secret.as_str()));
    }
}

#[tokio::test]
async fn a_claim_that_is_over_or_unknown_makes_no_node() {
    let (house, actor) = (House::new().await, Actor::local());
    let claim = house.hq.add_claim(&actor, &place(), 1).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let (_key, request) = make_request().unwrap();
    for token in [claim.token.as_str(), "ecl_guess", ""] {
        let error = house.hq.enrol(token, &request).await.unwrap_err();
        assert!(matches!(error, HqError::Untrusted(_)), "{error}");
    }
    let other: Place = "acme/store-9/box-a".parse().unwrap();
    assert!(house.hq.add_claim(&actor, &other, HOUR_MS).await.is_err(), "there is no such store");
}

#[tokio::test]
async fn what_is_no_request_uses_no_claim_up() {
    let (house, actor) = (House::new().await, Actor::local());
    let claim = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap();
    let (_key, request) = make_request().unwrap();
    let damaged = request.replacen("MI", "MA", 1);
    for wrong in ["", "request", &damaged, &"x".repeat(9000)] {
        assert!(house.hq.enrol(&claim.token, wrong).await.is_err());
    }
    house.hq.enrol(&claim.token, &request).await.unwrap();
}

#[tokio::test]
async fn a_node_renews_with_its_old_key_and_even_if_the_answer_is_lost() {
    let (house, actor) = (House::new().await, Actor::local());
    let claim = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap();
    let (old_key, request) = make_request().unwrap();
    let first = house.hq.enrol(&claim.token, &request).await.unwrap();
    let renew = async |key: &str| {
        let (new_key, request) = make_request().unwrap();
        let proof = make_proof(key, &request).unwrap();
        (new_key, house.hq.renew(&place(), &request, &proof).await)
    };
    // This answer never arrives: the node still has its old key and token.
    renew(&old_key).await.1.unwrap();
    assert!(house.hq.node_of(&first.token, Shown::NotAsked).await.unwrap().is_some());
    let (new_key, second) = renew(&old_key).await;
    let second = second.unwrap();
    assert!(house.hq.node_of(&second.token, Shown::NotAsked).await.unwrap().is_some());
    // From the first use on the old ones are worth nothing.
    assert!(house.hq.node_of(&first.token, Shown::NotAsked).await.unwrap().is_none());
    assert!(matches!(renew(&old_key).await.1, Err(HqError::Untrusted(_))));
    renew(&new_key).await.1.unwrap();
}

#[tokio::test]
async fn a_proof_serves_for_its_own_request_only() {
    let (house, actor) = (House::new().await, Actor::local());
    let claim = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap();
    let (key, request) = make_request().unwrap();
    house.hq.enrol(&claim.token, &request).await.unwrap();
    let (other_key, other) = make_request().unwrap();
    let proof = make_proof(&key, &request).unwrap();
    for (request, proof) in
        [(&other, &proof), (&other, &other), (&other, &make_proof(&other_key, &other).unwrap())]
    {
        let error = house.hq.renew(&place(), request, proof).await.unwrap_err();
        assert!(matches!(error, HqError::Untrusted(_)), "{error}");
    }
}

#[tokio::test]
async fn a_node_that_keeps_its_key_renews_again_and_again() {
    let (house, actor) = (House::new().await, Actor::local());
    let claim = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap();
    let (key, request) = make_request().unwrap();
    let mut token = house.hq.enrol(&claim.token, &request).await.unwrap().token;
    for _ in 0..3 {
        let asked = make_renewal(&key).unwrap();
        assert_eq!(house.hq.node_of(&token, Shown::NotAsked).await.unwrap(), Some(place()));
        let next = house.hq.renew(&place(), &asked.request, &asked.proof.unwrap()).await.unwrap();
        token = next.token;
    }
}

#[tokio::test]
async fn a_box_whose_answer_was_lost_repeats_its_claim_with_the_same_key() {
    let (house, actor) = (House::new().await, Actor::local());
    let claim = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap();
    let box_folder = tempfile::tempdir().unwrap();
    let identity_folder = box_folder.path().join("identity");
    let (key, request) = pending_request(&identity_folder).unwrap();
    // This answer never arrives, and the box is switched off and on.
    let lost = house.hq.enrol(&claim.token, &request).await.unwrap();
    let (again, request) = pending_request(&identity_folder).unwrap();
    assert_eq!(again, key, "the key is on the disk before it is shown to HQ");
    let identity = house.hq.enrol(&claim.token, &request).await.unwrap();
    write_identity(&identity_folder, "https://hq.example", &key, &identity).unwrap();
    assert_eq!(house.hq.node_of(&identity.token, Shown::NotAsked).await.unwrap(), Some(place()));
    assert_eq!(
        house.hq.node_of(&lost.token, Shown::NotAsked).await.unwrap(),
        None,
        "one token is worth something"
    );
    let (next, request) = pending_request(&identity_folder).unwrap();
    assert_ne!(next, key, "a box that enrols anew has a new key");
    assert!(house.hq.enrol(&claim.token, &request).await.is_err());
}

#[tokio::test]
async fn a_claim_is_not_used_up_where_the_box_could_not_be_told_its_broker() {
    let (house, actor) = (House::new().await, Actor::local());
    let claim = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap();
    let (_key, request) = make_request().unwrap();
    // Restarted, this HQ has not been told of a broker.
    let house = house.restarted().await;
    let error = house.hq.enrol(&claim.token, &request).await.unwrap_err();
    assert!(matches!(error, HqError::NoBroker), "{error}");
    assert!(error.to_string().contains("--node-broker"));
    assert_eq!(house.hq.claims(&place().tenant).await.unwrap()[0].used_ms, None);
}

#[tokio::test]
async fn a_revoked_box_is_heard_no_more_and_its_name_is_given_to_nobody_else() {
    let (house, actor, mut speaker) = (House::new().await, Actor::local(), Speaker::new());
    let claim = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap();
    let waiting = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap();
    let (key, request) = make_request().unwrap();
    let identity = house.hq.enrol(&claim.token, &request).await.unwrap();
    house.hq.receive(&[speaker.event(1)], NOW).await.unwrap();
    house.hq.revoke_node(&actor, &place()).await.unwrap();
    assert!(house.hq.revoke_node(&actor, &place()).await.is_err(), "it is revoked once");
    assert_eq!(house.hq.revoked().await.unwrap(), [place()]);
    assert_eq!(house.hq.node_of(&identity.token, Shown::NotAsked).await.unwrap(), None);
    let asked = make_renewal(&key).unwrap();
    assert!(house.hq.renew(&place(), &asked.request, &asked.proof.unwrap()).await.is_err());
    for token in [&claim.token, &waiting.token] {
        assert!(house.hq.enrol(token, &request).await.is_err(), "no claim lets the same box in");
    }
    let said = house.hq.receive(&[speaker.event(2), speaker.ask()], NOW).await.unwrap();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(house.number("SELECT count(*) FROM events").await, 1);
    let error = house.hq.add_claim(&actor, &place(), HOUR_MS).await.unwrap_err();
    assert!(matches!(error, HqError::Revoked(of) if of == place()), "its name is nobody else's");
}

#[tokio::test]
async fn nothing_is_said_to_a_revoked_box_and_whoever_names_it_is_told() {
    let (house, actor) = (House::new().await, Actor::local());
    let (registry, tenant) = (house.hq.registry(), place().tenant);
    let other: Place = "acme/store-1/box-b".parse().unwrap();
    registry.add_node(&actor, &other).await.unwrap();
    let group = "north".parse().unwrap();
    registry.set_group(&actor, &tenant, &group, "").await.unwrap();
    for place in [&place(), &other] {
        registry.join(&actor, place, &group).await.unwrap();
    }
    house.hq.revoke_node(&actor, &place()).await.unwrap();
    let order = |target| Order {
        target,
        name: "cache.purge".parse().unwrap(),
        arguments: Fields::default(),
        life_ms: HOUR_MS,
    };
    let config = Draft::inline(Target::Node(place()), Document::Config, b"{}".to_vec()).unwrap();
    let refusals = [
        house.hq.command(&actor, &order(Target::Node(place()))).await.unwrap_err(),
        house.hq.publish(&actor, config).await.unwrap_err(),
    ];
    for error in refusals {
        assert!(error.to_string().starts_with("`acme/store-1/box-a` was revoked"), "{error}");
    }
    let ids = house.hq.command(&actor, &order(Target::Group { tenant, group })).await.unwrap();
    assert_eq!(ids.len(), 1, "the rest of its group hears it");
    assert_eq!(registry.node(&place()).await.unwrap().presence, "revoked");
    let (_, counts) = registry.counts(&place().tenant).await.unwrap();
    assert_eq!(counts, [("never".to_owned(), 1), ("revoked".to_owned(), 1)]);
}

#[tokio::test]
async fn hqs_own_door_is_vouched_for_anew_and_its_key_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt as _;

    let house = House::new().await;
    let hosts = ["hq.example".to_owned(), "127.0.0.1".to_owned()];
    let (certificate, key) = house.hq.authority().open_door(&hosts).unwrap();
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let first = (read(&certificate), read(&key));
    let mode = key.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = house.hq.authority().open_door(&hosts).unwrap();
    assert_eq!(again, (certificate.clone(), key.clone()));
    assert_ne!((read(&certificate), read(&key)), first);
    let wrong = house.hq.authority().open_door(&["no name".to_owned(), "\u{fc}".to_owned()]);
    assert!(matches!(wrong, Err(HqError::Value { field: "host", .. })), "{wrong:?}");
}

//! Users and what they leave behind.

use super::*;
use crate::hq::users::Role;

#[tokio::test]
async fn a_user_is_known_by_the_token_until_revoked_and_it_is_not_written_down() {
    let (house, actor) = (House::new().await, Actor::local());
    let made = house.hq.add_user(&actor, "Ada", Role::Approver).await.unwrap();
    let known = house.hq.actor(&made.token).await.unwrap().unwrap();
    assert_eq!((known.name.as_str(), known.role), ("Ada", Role::Approver));
    assert!(house.hq.actor("ehq_other").await.unwrap().is_none());
    assert!(house.hq.actor(&"x".repeat(4096)).await.unwrap().is_none());
    assert!(!format!("{made:?}").contains(&made.token));
    let file = std::fs::read(house.hq.config.data_dir.join("hq.db")).unwrap();
    let wal = std::fs::read(house.hq.config.data_dir.join("hq.db-wal")).unwrap_or_default();
    let token = made.token.as_bytes();
    assert!(![file, wal].iter().any(|f| f.windows(token.len()).any(|part| part == token)));
    house.hq.revoke_user(&actor, &made.id).await.unwrap();
    assert!(house.hq.actor(&made.token).await.unwrap().is_none());
    assert!(house.hq.revoke_user(&actor, &made.id).await.is_err());
    let acts = house.hq.acts(None, 2).await.unwrap();
    let acts: Vec<_> = acts.iter().map(|act| act.act.as_str()).collect();
    assert_eq!(acts, ["user.revoke", "user.add"]);
}

#[test]
fn each_role_may_what_those_before_it_may() {
    assert!(Role::ALL.is_sorted());
    for role in Role::ALL {
        assert_eq!(role.as_str().parse(), Ok(role));
    }
    assert!("root".parse::<Role>().unwrap_err().contains("approver"));
}

#[tokio::test]
async fn names_that_are_not_there_are_refused_by_what_is_missing() {
    let (house, actor) = (House::new().await, Actor::local());
    let registry = house.hq.registry();
    let other: Place = "acme/store-2/box-a".parse().unwrap();
    let error = registry.add_node(&actor, &other).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no store `acme/store-2`");
    let tenant = "other".parse().unwrap();
    let error = registry.set_store(&actor, &tenant, &other.store, "").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no tenant `other`");
    let error = registry.join(&actor, &place(), &"none".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no group `acme/none`");
}

#[tokio::test]
async fn stores_come_page_by_page_with_their_boxes() {
    let (house, actor) = (House::new().await, Actor::local());
    let (registry, tenant) = (house.hq.registry(), place().tenant);
    for store in ["store-0", "store-2", "store-3"] {
        registry.set_store(&actor, &tenant, &store.parse().unwrap(), "").await.unwrap();
    }
    let names = |page: &[StoreRow]| {
        page.iter().map(|row| (row.name.clone(), row.nodes.len())).collect::<Vec<_>>()
    };
    let page = registry.stores(&tenant, "", 2).await.unwrap();
    assert_eq!(names(&page), [("store-0".to_owned(), 0), ("store-1".to_owned(), 1)]);
    let page = registry.stores(&tenant, "store-1", 9).await.unwrap();
    assert_eq!(names(&page), [("store-2".to_owned(), 0), ("store-3".to_owned(), 0)]);
    assert_eq!(registry.counts(&tenant).await.unwrap(), (4, vec![("never".to_owned(), 1)]));
}

//! Deployments over HTTP and on pages.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::*;
use crate::hq::tests::door::Door;
use crate::hq::users::Role;

const DEPLOYMENTS: &str = "/hq/v1/tenants/acme/deployments";

async fn door() -> Door {
    let door = Door::open().await;
    let actor = Actor::local();
    let place = place();
    door.hq.registry().set_store(&actor, &place.tenant, &place.store, "One").await.unwrap();
    door.hq.registry().add_node(&actor, &place).await.unwrap();
    published(&door.hq, "smollm2-2").await;
    door
}

#[tokio::test]
async fn an_operator_asks_and_an_approver_lets_it_go() {
    let door = door().await;
    let (viewer, operator) = (door.user(Role::Viewer).await, door.user(Role::Operator).await);
    let approver = door.user(Role::Approver).await;
    let new = json!({ "bundle": "smollm2-2", "target": "acme/store-1" });
    let post = async |token: &str, path: &str, body: &serde_json::Value| {
        door.ask(token, Method::POST, path, Some(body.clone())).await
    };
    let (status, _) = post(&viewer, DEPLOYMENTS, &new).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let both = json!({ "bundle": "smollm2-2", "target": "acme/store-1", "approve": true });
    let (status, answer) = post(&operator, DEPLOYMENTS, &both).await;
    assert_eq!((status, &answer["error"]["param"]), (StatusCode::FORBIDDEN, &json!("approve")));
    let (status, draft) = post(&operator, DEPLOYMENTS, &new).await;
    assert_eq!((status, &draft["state"]), (StatusCode::OK, &json!("draft")), "{draft}");
    let approve = format!("{DEPLOYMENTS}/1/approve");
    let (status, _) = post(&operator, &approve, &json!({})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, answer) = post(&approver, &approve, &json!({ "over": 9 })).await;
    assert_eq!((status, &answer["error"]["param"]), (StatusCode::CONFLICT, &json!("over")));
    let (status, running) = post(&approver, &approve, &json!({ "over": draft["revision"] })).await;
    assert_eq!((status, &running["state"]), (StatusCode::OK, &json!("running")), "{running}");
    let (status, answer) = post(&approver, &approve, &json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("wrong_state")));
    let (_, nodes) = door.ask(&viewer, Method::GET, &format!("{DEPLOYMENTS}/1/nodes"), None).await;
    assert_eq!(nodes["data"][0]["place"], "acme/store-1/box-a");
    assert_eq!(nodes["data"][0]["result"], json!(null));
    let cancel = format!("{DEPLOYMENTS}/1/cancel");
    for _ in 0..2 {
        let (status, answer) = post(&operator, &cancel, &json!({})).await;
        assert_eq!((status, &answer["state"]), (StatusCode::OK, &json!("cancelled")));
    }
    let (status, both) = post(&approver, DEPLOYMENTS, &both).await;
    assert_eq!((status, &both["state"]), (StatusCode::OK, &json!("running")));
    let (_, acts) = door.ask(&viewer, Method::GET, "/hq/v1/acts?limit=5", None).await;
    let acts: Vec<_> = acts["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|act| (act["who"].clone(), act["act"].clone()))
        .collect();
    let expected = [
        ("approver", "deployment.approve"),
        ("approver", "deployment.ask"),
        ("operator", "deployment.cancel"),
        ("approver", "deployment.approve"),
        ("operator", "deployment.ask"),
    ];
    assert_eq!(acts, expected.map(|(who, act)| (json!(who), json!(act))));
    door.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_by_its_field() {
    let door = door().await;
    let token = door.user(Role::Approver).await;
    for (body, status, param) in [
        (json!({ "bundle": "none", "target": "acme" }), 404, json!(null)),
        (json!({ "bundle": "smollm2-2", "target": "other" }), 400, json!("target")),
        (json!({ "bundle": "smollm2-2", "target": "acme/a/b/c" }), 400, json!("target")),
        (json!({ "bundle": "smollm2-2", "target": "acme", "within_s": 1 }), 400, json!("within_s")),
        (json!({ "bundle": "smollm2-2", "target": "acme", "over": 3 }), 409, json!("over")),
        (json!({ "bundle": "smollm2-2", "target": "acme", "wave": 1 }), 400, json!("wave")),
        (json!({ "target": "acme" }), 400, json!("bundle")),
    ] {
        let (found, answer) = door.ask(&token, Method::POST, DEPLOYMENTS, Some(body.clone())).await;
        assert_eq!(
            (found.as_u16(), &answer["error"]["param"]),
            (status, &param),
            "{body}: {answer}"
        );
    }
    let (status, _) = door.ask(&token, Method::GET, &format!("{DEPLOYMENTS}/7"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    door.close().await;
}

#[tokio::test]
async fn a_page_acts_only_by_a_form_of_its_own_session() {
    let door = door().await;
    let (operator, approver) = (door.user(Role::Operator).await, door.user(Role::Approver).await);
    let login = async |token: &str| {
        let form = format!("token={token}");
        let answer =
            door.client.post(format!("{}/login", door.url)).body(form).send().await.unwrap();
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    };
    let page = async |path: &str, cookie: &str| {
        let answer = door.client.get(format!("{}{path}", door.url)).header("cookie", cookie);
        let answer = answer.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let post = async |path: &str, cookie: &str, body: String| {
        let request = door.client.post(format!("{}{path}", door.url)).header("cookie", cookie);
        let answer = request.body(body).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let own = |page: &str| {
        page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let (ada, bob) = (login(&operator).await, login(&approver).await);
    let deployments = "/fleet/acme/deployments";
    let (_, shown) = page(deployments, &ada).await;
    let form = own(&shown);
    // Without the session's own word, or with that of another one, nothing happens.
    let (_, of_bob) = page(deployments, &bob).await;
    for stranger in [String::new(), "form=frm_guess&".to_owned(), format!("form={}&", own(&of_bob))]
    {
        let body = format!("{stranger}bundle=smollm2-2&target=store-1");
        let (status, _) = post(deployments, &ada, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{stranger}");
    }
    assert!(door.hq.deployments(&tenant(), None, 9).await.unwrap().is_empty());
    let body = format!("form={form}&bundle=smollm2-2&target=store-1");
    assert_eq!(post(deployments, &ada, body).await.0, StatusCode::SEE_OTHER);
    let body = format!("form={form}&bundle=smollm2-2&target=nowhere");
    let (status, said) = post(deployments, &ada, body).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        said.contains("there is no store `acme&#x2f;nowhere`")
            || said.contains("there is no store"),
        "{said}"
    );
    let (status, said) =
        post("/fleet/acme/deployments/1/approve", &ada, format!("form={form}")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(said.contains("this takes a user of role approver"), "{said}");
    let (_, shown) = page(deployments, &bob).await;
    assert!(shown.contains(">Approve</button>"), "{shown}");
    let (status, _) =
        post("/fleet/acme/deployments/1/approve", &bob, format!("form={}&over=1", own(&shown)))
            .await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, shown) = page("/fleet/acme/deployments/1", &bob).await;
    assert!(shown.contains("box-a") && shown.contains(">running<"), "{shown}");
    let (status, _) =
        post("/fleet/acme/deployments/1/cancel", &bob, format!("form={}", own(&shown))).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(door.hq.deployment(&tenant(), 1).await.unwrap().state, State::Cancelled);
    door.close().await;
}

#[tokio::test]
async fn rules_that_no_box_can_run_are_refused_where_they_are_published() {
    let house = House::new().await;
    for (rules, why) in [
        (r#"{"blocked_terms":{"any":[""]}}"#, "no word in it"),
        (r#"{"x":1}"#, "`x`"),
        ("", "guard rules"),
    ] {
        house.hq.artefacts().put(rules.into()).await.unwrap();
        let files = BTreeMap::from([("guard_rules.json".to_owned(), rules.as_bytes().to_vec())]);
        let part = bundles::part(bodies::PartKind::GuardRules, "tiny", &files);
        let bundle = bundles::bundle("ruled", "assistant", vec![part], short_trial());
        let json = bundle.to_json().unwrap();
        let refused = house.hq.publish_bundle(&Actor::local(), &tenant(), &json).await.unwrap_err();
        assert!(matches!(refused, HqError::Value { field: "contents", .. }), "{refused}");
        let told = refused.to_string();
        assert!(told.contains(why) && told.contains("tiny/guard_rules.json"), "{why}: {told}");
    }
}

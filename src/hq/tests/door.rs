//! HQ over a real socket: who may what, in which form, and what people see.

use std::sync::Arc;

use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::hq::server::{ServerConfig, serve};
use crate::hq::users::Role;
use crate::http;
use crate::telemetry::Metrics;

/// A server that is asked over HTTP.
pub(super) struct Door {
    pub(super) url: String,
    pub(super) hq: Arc<Hq>,
    pub(super) client: Client,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Door {
    pub(super) async fn open() -> Self {
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let config = ServerConfig {
            hq: HqConfig {
                node_broker: Some("mqtts://hq.example".to_owned()),
                ..HqConfig::new(folder.path())
            },
            http: http::Config { listen: ([127, 0, 0, 1], 0).into(), ..http::Config::default() },
            tenant: "acme".parse().unwrap(),
            token_alone: false,
            broker: None,
        };
        let (tell, told) = oneshot::channel();
        let stop = CancellationToken::new();
        let serving =
            serve(config, Arc::new(Metrics::new().with_hq()), stop.clone(), |hq, started| {
                assert_eq!(started.users, 0);
                let _ = tell.send((Arc::clone(hq), started.url.clone()));
            });
        let task = tokio::spawn(async move { assert_eq!(serving.await.unwrap().cut, 0) });
        let (hq, url) = told.await.unwrap();
        let redirects = reqwest::redirect::Policy::none();
        let client = Client::builder().no_proxy().redirect(redirects).build().unwrap();
        Self { url, hq, client, stop, task, _folder: folder }
    }

    pub(super) async fn user(&self, role: Role) -> String {
        self.hq.add_user(&Actor::local(), role.as_str(), role).await.unwrap().token
    }

    pub(super) async fn ask(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> (StatusCode, serde_json::Value) {
        let mut request =
            self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    pub(super) async fn close(self) {
        self.stop.cancel();
        drop(self.client);
        self.task.await.unwrap();
    }
}

const STORE: &str = "/hq/v1/tenants/acme/stores/store-1";

#[tokio::test]
async fn a_fleet_is_made_and_shown_over_http() {
    let door = Door::open().await;
    let admin = door.user(Role::Admin).await;
    for (method, path, body) in [
        (Method::PUT, STORE.to_owned(), Some(json!({ "title": "High Street" }))),
        (Method::PUT, format!("{STORE}/nodes/box-a"), None),
        (Method::PUT, "/hq/v1/tenants/acme/groups/north".to_owned(), Some(json!({}))),
        (Method::PUT, "/hq/v1/tenants/acme/groups/north/members/store-1/box-a".to_owned(), None),
    ] {
        let (status, answer) = door.ask(&admin, method, &path, body).await;
        assert_eq!((status, &answer["done"]), (StatusCode::OK, &json!(true)), "{path}: {answer}");
    }
    let wanted =
        json!({ "target": "acme/grp/north", "document": "config", "contents": {}, "over": 0 });
    let path = "/hq/v1/tenants/acme/desired";
    let (_, answer) = door.ask(&admin, Method::POST, path, Some(wanted.clone())).await;
    assert_eq!(answer, json!({ "version": 1 }));
    let (status, answer) = door.ask(&admin, Method::POST, path, Some(wanted)).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("overtaken")));
    let (_, answer) = door.ask(&admin, Method::GET, STORE, None).await;
    assert_eq!(answer["title"], "High Street");
    assert_eq!(answer["nodes"][0]["desired"][0]["version"], 1);
    assert_eq!(answer["nodes"][0]["groups"], json!(["north"]));
    let order = json!({ "target": "acme/grp/north", "name": "cache.purge" });
    let (_, answer) =
        door.ask(&admin, Method::POST, "/hq/v1/tenants/acme/commands", Some(order)).await;
    assert_eq!(answer["ids"].as_array().map(Vec::len), Some(1));
    let (_, answer) = door.ask(&admin, Method::GET, "/hq/v1/acts?limit=1", None).await;
    assert_eq!(answer["data"][0]["act"], "command.give");
    assert_eq!(answer["data"][0]["who"], "admin");
    door.close().await;
}

#[tokio::test]
async fn each_role_may_what_the_table_says_and_no_more() {
    let door = Door::open().await;
    let bundle = json!({ "target": "acme/grp/north", "document": "bundle", "contents": {} });
    let user = json!({ "name": "Ada", "role": "viewer" });
    for (role, expected) in [
        (Role::Viewer, [200, 403, 403, 403]),
        (Role::Operator, [200, 200, 403, 403]),
        // That is no bundle; whether it may is decided before.
        (Role::Approver, [200, 200, 400, 403]),
        (Role::Admin, [200, 200, 400, 200]),
    ] {
        let token = door.user(role).await;
        let asked = [
            (Method::GET, "/hq/v1/tenants/acme/stores", None),
            (Method::PUT, STORE, Some(json!({}))),
            (Method::POST, "/hq/v1/tenants/acme/desired", Some(bundle.clone())),
            (Method::POST, "/hq/v1/users", Some(user.clone())),
        ];
        for ((method, path, body), expected) in asked.into_iter().zip(expected) {
            let (status, answer) = door.ask(&token, method, path, body).await;
            assert_eq!(status.as_u16(), expected, "{role} {path}: {answer}");
        }
    }
    let (status, _) = door.ask("ehq_nobody", Method::GET, "/hq/v1/tenants", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    door.close().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let door = Door::open().await;
    let admin = door.user(Role::Admin).await;
    for (method, path, body, status, param) in [
        (Method::PUT, STORE, Some(json!({ "name": "x" })), 400, "name"),
        (Method::PUT, "/hq/v1/tenants/acme/stores/grp", Some(json!({})), 400, "store"),
        (Method::GET, "/hq/v1/tenants/acme/stores?page=2", None, 400, "page"),
        (Method::GET, "/hq/v1/tenants/acme/stores?limit=0", None, 400, "limit"),
        (Method::POST, "/hq/v1/users", Some(json!({ "name": "", "role": "viewer" })), 400, "name"),
        (Method::POST, "/hq/v1/users", Some(json!({ "name": "x", "role": "root" })), 400, "role"),
        (Method::GET, "/hq/v1/tenants/acme/telemetry", None, 400, "place"),
        (Method::GET, "/hq/v1/tenants/acme/events?place=b/c/d", None, 400, "place"),
    ] {
        let (found, answer) = door.ask(&admin, method, path, body).await;
        let error = &answer["error"];
        assert_eq!((found.as_u16(), &error["param"]), (status, &json!(param)), "{path}: {answer}");
    }
    let (status, answer) = door.ask(&admin, Method::DELETE, "/hq/v1/tenants", None).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{answer}");
    let (status, _) = door.ask(&admin, Method::GET, "/hq/v1/nothing", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    door.close().await;
}

#[tokio::test]
async fn a_box_enrols_and_fetches_what_only_nodes_may() {
    let door = Door::open().await;
    let admin = door.user(Role::Admin).await;
    door.ask(&admin, Method::PUT, STORE, Some(json!({}))).await;
    let claim = json!({ "store": "store-1", "node": "box-a" });
    let path = "/hq/v1/tenants/acme/claims";
    let (_, claim) = door.ask(&admin, Method::POST, path, Some(claim)).await;
    let (key, request) = crate::identity::make_request().unwrap();
    let asked = json!({ "claim": claim["token"], "request": request });
    let (status, identity) = door.ask("", Method::POST, "/hq/v1/enrol", Some(asked.clone())).await;
    assert_eq!(status, StatusCode::OK, "{identity}");
    assert_eq!(identity["place"], "acme/store-1/box-a");
    let (_, request) = crate::identity::make_request().unwrap();
    let other = json!({ "claim": claim["token"], "request": request });
    let (status, _) = door.ask("", Method::POST, "/hq/v1/enrol", Some(other)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a claim works for one box");
    let node = identity["token"].as_str().unwrap();

    let digest = Digest::of(b"hello world");
    let url = format!("{}/artefacts/{digest}", door.url);
    let put = door.client.put(&url).bearer_auth(&admin).body("hello world").send().await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);
    let (_, acts) = door.ask(&admin, Method::GET, "/hq/v1/acts?limit=1", None).await;
    assert_eq!(acts["data"][0]["act"], "artefact.put");
    assert_eq!(acts["data"][0]["target"], digest.to_string());
    let part = door.client.get(&url).bearer_auth(node).header("range", "bytes=6-");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["etag"], format!("\"{digest}\""));
    assert_eq!(part.headers()["content-range"], "bytes 6-10/11");
    assert_eq!(part.text().await.unwrap(), "world");
    assert_eq!(door.client.get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let beyond = door.client.get(&url).bearer_auth(node).header("range", "bytes=11-");
    assert_eq!(beyond.send().await.unwrap().status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let wrong = format!("{}/artefacts/{}", door.url, Digest::of(b"other"));
    let put = door.client.put(&wrong).bearer_auth(&admin).body("hello").send().await.unwrap();
    assert_eq!(put.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        door.client.get(&wrong).bearer_auth(node).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let (status, _) = door.ask(node, Method::GET, "/hq/v1/tenants/acme/stores", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a node is no user");

    let (_, request) = crate::identity::make_request().unwrap();
    let proof = crate::identity::make_proof(&key, &request).unwrap();
    let renewal = json!({ "request": request, "proof": proof });
    let (status, next) = door.ask(node, Method::POST, "/hq/v1/renew", Some(renewal)).await;
    assert_eq!(status, StatusCode::OK, "{next}");
    assert_ne!(next["certificate"], identity["certificate"]);
    let path = format!("{STORE}/nodes/box-a");
    let (status, _) = door.ask(&admin, Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::OK);
    let revoked = door.client.get(&url).bearer_auth(node).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::UNAUTHORIZED);
    door.close().await;
}

#[tokio::test]
async fn facts_are_pushed_as_lines() {
    let door = Door::open().await;
    let token = door.user(Role::Operator).await;
    let url = format!("{}/hq/v1/tenants/acme/catalogues/main/facts", door.url);
    let lines =
        "{\"table\":\"prices\",\"id\":\"1\",\"fact\":{\"amount\":1,\"currency\":\"USD\"}}\n";
    let push = async |body: String, kind: &str| {
        let request = door.client.post(&url).bearer_auth(&token).header("content-type", kind);
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status();
        (status, serde_json::from_str::<serde_json::Value>(&answer.text().await.unwrap()).unwrap())
    };
    let kind = "application/x-ndjson";
    let (status, answer) = push(lines.to_owned(), kind).await;
    assert_eq!((status, &answer["epoch"]), (StatusCode::OK, &json!(1)), "{answer}");
    let (status, answer) = push(format!("{lines}nonsense\n"), kind).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"]["message"].as_str().unwrap().starts_with("line 2:"), "{answer}");
    let (status, _) = push(lines.to_owned(), "text/csv").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (_, answer) = door.ask(&token, Method::GET, "/hq/v1/tenants/acme/catalogues", None).await;
    assert_eq!(answer["data"][0]["facts"], 1);
    door.close().await;
}

#[tokio::test]
async fn an_operator_publishes_a_pack_and_a_viewer_only_looks() {
    let door = Door::open().await;
    let (admin, operator) = (door.user(Role::Admin).await, door.user(Role::Operator).await);
    let viewer = door.user(Role::Viewer).await;
    door.ask(&admin, Method::PUT, STORE, Some(json!({}))).await;
    door.ask(&admin, Method::PUT, &format!("{STORE}/nodes/box-a"), None).await;
    let file = super::packs::some();
    let source = Digest::of(&file);
    let sent = door.client.put(format!("{}/artefacts/{source}", door.url)).bearer_auth(&operator);
    assert_eq!(sent.body(file).send().await.unwrap().status(), StatusCode::OK);
    let packs = "/hq/v1/tenants/acme/packs";
    let make = json!({ "name": "copy", "source": source.to_string() });
    let here = json!({ "target": "acme/store-1/box-a", "over": 0 });
    for (path, body) in [
        (packs.to_owned(), make.clone()),
        (format!("{packs}/1/want"), here.clone()),
        (format!("{packs}/roll-back"), here.clone()),
    ] {
        let (status, _) = door.ask(&viewer, Method::POST, &path, Some(body)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let (status, pack) = door.ask(&operator, Method::POST, packs, Some(make)).await;
    assert_eq!((status, &pack["epoch"], &pack["answers"]), (StatusCode::OK, &json!(1), &json!(2)));
    let want = format!("{packs}/1/want");
    let (_, wanted) = door.ask(&operator, Method::POST, &want, Some(here.clone())).await;
    let expected = json!([{ "target": "acme/store-1/box-a", "version": 1, "epoch": 1 }]);
    assert_eq!(wanted["data"], expected);
    let (status, _) = door.ask(&operator, Method::POST, &want, Some(here)).await;
    assert_eq!(status, StatusCode::CONFLICT, "somebody was faster");
    for wrong in [json!({}), json!({ "all": false }), json!({ "all": true, "store": "store-1" })] {
        let (status, _) = door.ask(&operator, Method::POST, &want, Some(wrong.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let (_, listed) = door.ask(&viewer, Method::GET, packs, None).await;
    assert_eq!(listed["data"][0]["wanted"], 1);
    let back = format!("{packs}/roll-back");
    let all = json!({ "all": true });
    let (_, none) = door.ask(&operator, Method::POST, &back, Some(all)).await;
    assert_eq!(none["data"][0]["epoch"], json!(null));
    door.close().await;
}

#[tokio::test]
async fn pages_are_for_whoever_came_in_and_escape_what_stores_say() {
    let door = Door::open().await;
    let admin = door.user(Role::Admin).await;
    let title = "<script>alert(1)</script>";
    door.ask(&admin, Method::PUT, STORE, Some(json!({ "title": title }))).await;
    door.ask(&admin, Method::PUT, &format!("{STORE}/nodes/box-a"), None).await;
    let wanted = json!({ "target": "acme/store-1/box-a", "document": "config", "contents": {} });
    door.ask(&admin, Method::POST, "/hq/v1/tenants/acme/desired", Some(wanted)).await;
    let line = "{\"table\":\"prices\",\"id\":\"1\",\"fact\":{\"amount\":1,\"currency\":\"USD\"}}";
    let main = "main".parse().unwrap();
    let mut push = crate::hq::catalogues::Push::new(&door.hq, place().tenant, main, None).unwrap();
    push.update(line.as_bytes()).unwrap();
    let recall = json!({ "table": "recalls", "id": "r1", "fact": {
        "skus": ["1"], "reasons": { "en": title }, "since": "2026-01-01T00:00:00Z",
    }});
    push.update(format!("\n{recall}\n").as_bytes()).unwrap();
    door.hq.push(&Actor::local(), push).await.unwrap();
    let mut speaker = Speaker::new();
    let fields = BTreeMap::from([("wait_ms".parse().unwrap(), Value::from(7))]);
    let values = Fields::new(fields).unwrap();
    let measured =
        Telemetry { from: crate::hq::clock::now(), until: crate::hq::clock::now(), values };
    let told = [speaker.event(1), speaker.counted(Stream::Tel, 1, &Message::Telemetry(measured))];
    door.hq.receive(&told, NOW).await.unwrap();
    let get = async |path: &str, cookie: &str| {
        let request = door.client.get(format!("{}{path}", door.url)).header("cookie", cookie);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.headers().clone(), answer.text().await.unwrap())
    };
    for path in ["/", "/fleet/acme", "/fleet/acme/stores/store-1", "/fleet/acme/audit"] {
        let (status, headers, _) = get(path, "endcap_hq=ses_guess").await;
        assert_eq!((status.as_u16(), &headers["location"]), (303, &"/login".parse().unwrap()));
    }
    let login = async |token: &str| {
        let form = format!("token={token}");
        let request = door.client.post(format!("{}/login", door.url)).body(form);
        request.send().await.unwrap()
    };
    assert_eq!(login("ehq_guess").await.status(), StatusCode::FORBIDDEN);
    let answer = login(&admin).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains(&admin), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    for path in [
        "/fleet/acme",
        "/fleet/acme/stores/store-1",
        "/fleet/acme/deployments",
        "/fleet/acme/recalls",
        "/fleet/acme/audit",
    ] {
        let (status, headers, page) = get(path, cookie).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        assert!(!page.contains(title), "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    let (_, _, page) = get("/fleet/acme", cookie).await;
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    let (_, _, page) = get("/fleet/acme/recalls", cookie).await;
    assert!(page.contains("0 of 1 boxes") && page.contains("Silent on r1"), "{page}");
    assert!(page.contains("box-a"), "{page}");
    // A revoked user has no session any more; the last admin stays.
    let users = door.hq.users().await.unwrap();
    let path = format!("/hq/v1/users/{}", users[0].id);
    let (status, answer) = door.ask(&admin, Method::DELETE, &path, None).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (409, &json!("last_admin")));
    assert_eq!(get("/fleet/acme", cookie).await.0, StatusCode::OK);
    door.user(Role::Admin).await;
    let (status, _) = door.ask(&admin, Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(get("/fleet/acme", cookie).await.0, StatusCode::SEE_OTHER);
    door.close().await;
}

#[tokio::test]
async fn what_is_not_there_is_told_to_people_as_a_page_and_to_programs_as_json() {
    let door = Door::open().await;
    let admin = door.user(Role::Admin).await;
    let login = |headers: &[(&'static str, String)]| {
        let mut request = door.client.post(format!("{}/login", door.url));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.body(format!("token={admin}")).send()
    };
    let cookie = login(&[]).await.unwrap().headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(!cookie.contains("Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    for path in [
        "/fleet/other",
        "/fleet/other/deployments",
        "/fleet/acme/stores/nope",
        "/fleet/acme/deployments/1",
        "/fleet/acme/nothing",
        "/fleet/No Tenant",
    ] {
        let asked = door.client.get(format!("{}{path}", door.url)).header("cookie", cookie);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("text/html"), "{path}: {kind}");
        assert!(answer.headers().contains_key("content-security-policy"), "{path}");
        assert!(answer.text().await.unwrap().contains("This page is not here"), "{path}");
    }
    for path in ["stores", "catalogues", "events", "audit-proofs", "deployments"] {
        let path = format!("/hq/v1/tenants/other/{path}");
        let (status, answer) = door.ask(&admin, Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer["error"]["message"], "there is no tenant `other`");
    }
    let own = door.url.clone();
    let host = own.trim_start_matches("http://").to_owned();
    for (headers, comes_in) in [
        (vec![("origin", own.clone())], true),
        (vec![("sec-fetch-site", "same-origin".to_owned())], true),
        (vec![("origin", "https://evil.example".to_owned())], false),
        (vec![("origin", "null".to_owned())], false),
        (vec![("origin", own), ("sec-fetch-site", "cross-site".to_owned())], false),
    ] {
        let answer = login(&headers).await.unwrap();
        let expected = if comes_in { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status(), expected, "{headers:?}");
        assert_eq!(answer.headers().contains_key("set-cookie"), comes_in, "{headers:?}");
    }
    // Where something before HQ ends TLS, the cookie is for TLS alone.
    let answer = login(&[("origin", format!("https://{host}"))]).await.unwrap();
    assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("; Secure"));
    door.close().await;
}

#[tokio::test]
async fn a_catalogue_whose_name_is_mistyped_is_not_made() {
    let door = Door::open().await;
    let token = door.user(Role::Operator).await;
    let push = async |catalogue: &str, query: &str, body: &str| {
        let url = format!("{}/hq/v1/tenants/acme/catalogues/{catalogue}/facts{query}", door.url);
        let request = door.client.post(url).bearer_auth(&token);
        let request = request.header("content-type", "application/x-ndjson");
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str::<serde_json::Value>(&answer.text().await.unwrap()).unwrap())
    };
    let line = super::facts::price("1", 1);
    assert_eq!(push("main", "", &line).await.0, 200, "the first one is everybody's");
    for body in ["", &line] {
        let (status, answer) = push("mian", "", body).await;
        assert_eq!((status, &answer["error"]["param"]), (404, &json!("catalogue")));
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains("there is no catalogue `mian`; there are: main"), "{said}");
    }
    assert_eq!(push("produce", "?create=true", &line).await.0, 200);
    assert_eq!(push("produce", "", &line).await.0, 200);
    assert_eq!(push("other", "?create=perhaps", &line).await.0, 400);
    let (_, answer) = door.ask(&token, Method::GET, "/hq/v1/tenants/acme/catalogues", None).await;
    let names = answer["data"].as_array().unwrap().iter().map(|row| row["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["main", "produce"]);
    door.close().await;
}

#[tokio::test]
async fn metrics_tell_of_boxes_messages_and_certificates_to_users_only() {
    let door = Door::open().await;
    let (viewer, admin) = (door.user(Role::Viewer).await, door.user(Role::Admin).await);
    door.ask(&admin, Method::PUT, STORE, Some(json!({}))).await;
    door.ask(&admin, Method::PUT, &format!("{STORE}/nodes/box-a"), None).await;
    let mut speaker = Speaker::new();
    door.hq.receive(&[speaker.event(1), speaker.event(2)], NOW).await.unwrap();
    let url = format!("{}/metrics", door.url);
    assert_eq!(door.client.get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let text =
        door.client.get(&url).bearer_auth(&viewer).send().await.unwrap().text().await.unwrap();
    for line in [
        "endcap_hq_nodes{presence=\"never\"} 1",
        "endcap_hq_messages_total{outcome=\"taken\"} 2",
        "endcap_hq_commands_waiting 0",
        "endcap_hq_certificates_ending 0",
        "endcap_hq_listening 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    assert!(!text.contains("endcap_hq_database_bytes 0\n"));
    door.close().await;
}

//! Settings that change while a server runs, through the real binary.

use serde_json::{Value, json};

use crate::line::{enrolled, free_port};
use crate::support::{Ask, Server, admin, endcap, stdout};

const OVERRIDE: &str = "/store/v1/config/override";

/// What the cache did with a chat that is determined.
fn cached(server: &Server) -> String {
    let chat = json!({"model": "tiny", "max_tokens": 200, "temperature": 0,
                      "messages": [{"role": "user", "content": "Hello"}]});
    let answer = server.ask(Ask::post("/v1/chat/completions", &chat));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("cache-status").unwrap().to_owned()
}

/// A setting in force: its value and its layer.
fn in_force(server: &Server, name: &str) -> (Value, String) {
    let view = server.ask(Ask::get("/store/v1/config")).json();
    let settings = view["settings"].as_array().unwrap();
    let found = settings.iter().find(|setting| setting["name"] == name).unwrap();
    (found["value"].clone(), found["layer"].as_str().unwrap().to_owned())
}

#[test]
fn an_override_takes_effect_at_once_and_stays_over_a_restart_until_it_is_lifted() {
    let server = Server::start_in(enrolled(free_port()), &[]);
    assert_eq!(in_force(&server, "cache.chat"), (json!("exact"), "default".to_owned()));
    let over = json!({"owner": "Ada", "reason": "slow answers", "lease_s": 3600,
                      "settings": {"cache": {"chat": "off"}, "log_level": "debug"}});
    let answer = server.ask(Ask::post(OVERRIDE, &over));
    assert_eq!(answer.status, 200, "{}", answer.text());
    for _ in 0..2 {
        assert!(cached(&server).contains("fwd=bypass"), "{}", cached(&server));
    }
    server.wait_for_log("DEBUG");
    let server = Server::start_in(server.kill(), &[]);
    assert_eq!(in_force(&server, "cache.chat"), (json!("off"), "override".to_owned()));
    assert!(cached(&server).contains("fwd=bypass"), "it holds from the first answer on");
    let shown = endcap()
        .args(["config", "live", "--server", &server.url])
        .env("ENDCAP_TOKEN", admin())
        .output()
        .unwrap();
    assert!(stdout(&shown).contains("cache.chat         off  (override)"), "{}", stdout(&shown));
    let lifted = server.ask(Ask::new("DELETE", OVERRIDE)).json();
    assert_eq!(lifted, json!({"lifted": true}));
    assert_eq!(in_force(&server, "cache.chat"), (json!("exact"), "default".to_owned()));
    cached(&server);
    assert!(cached(&server).contains("hit"));
}

#[test]
fn what_is_no_setting_is_refused_by_its_name() {
    let server = Server::start_in(enrolled(free_port()), &[]);
    let over = |settings: Value| json!({"owner": "Ada", "reason": "trying", "lease_s": 60, "settings": settings});
    for (body, param) in [
        (over(json!({"engine": {"threads": 1}})), "settings.engine"),
        (over(json!({"log_level": "loud"})), "settings.log_level"),
        (over(json!({"cache": {"vision": "off"}})), "settings.cache.vision"),
        (json!({"owner": "Ada", "reason": "trying", "settings": {}}), "lease_s"),
    ] {
        let answer = server.ask(Ask::post(OVERRIDE, &body));
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!(param)));
    }
    let alone = Server::start();
    let answer = alone.ask(Ask::post(OVERRIDE, &over(json!({"log_level": "debug"}))));
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (409, &json!("no_hq")));
}

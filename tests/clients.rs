//! The clients that people already use, against a running server.

use std::process::Command;

use crate::support::{LONG, MODEL, Server, admin, python, root, stderr, stdout};

fn check(mut client: Command, script: &str) {
    let server = Server::tireless(&[]);
    let output = client
        .arg(script)
        .current_dir(root().join("tests/clients"))
        .env("ENDCAP_URL", &server.url)
        .env("ENDCAP_TOKEN", admin())
        .env("ENDCAP_MODEL", MODEL)
        .env("ENDCAP_LONG", LONG.to_string())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert!(output.status.success(), "{told}\n{}", server.log());
    assert!(told.matches("ok ").count() >= 8, "{told}");
}

#[test]
fn the_python_client_is_served() {
    check(Command::new(python()), "check.py");
}

#[test]
fn the_javascript_client_is_served() {
    let installed = root().join("tests/clients/node_modules/openai");
    assert!(installed.exists(), "the clients are not installed; run tests/run once");
    check(Command::new("node"), "check.mjs");
}

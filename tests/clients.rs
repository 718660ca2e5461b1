//! The clients that people already use, against a running server.

use std::process::Command;

use crate::support::{LONG, MODEL, Server, admin, arrays, python, root, stderr, stdout};

/// Runs a script, which tells of so many checks at least that they went well.
fn check(mut client: Command, script: &str, server: &Server, checks: usize) {
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
    assert!(told.matches("ok ").count() >= checks, "{told}");
}

#[test]
fn the_python_client_is_served() {
    check(Command::new(python()), "check.py", &Server::tireless(&[]), 8);
}

#[test]
fn the_javascript_client_is_served() {
    let installed = root().join("tests/clients/node_modules/openai");
    assert!(installed.exists(), "the clients are not installed; run tests/run once");
    check(Command::new("node"), "check.mjs", &Server::tireless(&[]), 8);
}

#[test]
fn tritons_python_client_is_served() {
    check(Command::new(python()), "check_inference.py", &Server::start_in(arrays(), &[]), 8);
}

/// A few requests; `tests/run --full` makes many.
#[test]
fn every_answer_is_one_that_is_described() {
    check_contract("8");
}

#[test]
#[ignore = "takes minutes"]
fn every_answer_of_many_is_one_that_is_described() {
    check_contract("400");
}

fn check_contract(examples: &str) {
    let mut client = Command::new(python());
    client.env("ENDCAP_EXAMPLES", examples);
    check(client, "check_contract.py", &Server::start_in(arrays(), &[]), 3);
}

/// Its package brings half a gigabyte of others, so it has a Python of its own.
#[test]
#[ignore = "needs a Python with kserve, named by ENDCAP_KSERVE_PYTHON"]
fn kserves_python_client_is_served() {
    let python = std::env::var_os("ENDCAP_KSERVE_PYTHON").expect("it names a Python with kserve");
    let server = Server::start_in(arrays(), &[]);
    check(Command::new(python), "check_kserve.py", &server, 3);
}

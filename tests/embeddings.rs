//! Vectors of texts, by the clients that people already use.

use std::process::Command;

use crate::support::{Server, admin, data, import_as, python, root, stderr, stdout};

fn check(mut client: Command, script: &str) {
    let folder = data();
    import_as("encoder", &root().join("models/tiny/encoder"), folder.path());
    let server = Server::start_in(folder, &[]);
    let output = client
        .arg(script)
        .arg(root().join("models/tiny/encoder/reference.json"))
        .current_dir(root().join("tests/clients"))
        .env("ENDCAP_URL", &server.url)
        .env("ENDCAP_TOKEN", admin())
        .env("ENDCAP_MODEL", "encoder")
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert!(output.status.success(), "{told}\n{}", server.log());
    assert!(told.matches("ok ").count() >= 3, "{told}");
}

#[test]
fn the_python_client_gets_the_vectors_of_another_runtime() {
    check(Command::new(python()), "embeddings.py");
}

#[test]
fn the_javascript_client_gets_the_vectors_of_another_runtime() {
    check(Command::new("node"), "embeddings.mjs");
}

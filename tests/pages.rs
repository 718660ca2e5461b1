//! What a shopper and an associate see, in a real browser against the real binary, which belongs to a real
//! headquarters.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::enrolled::{Hq, until};
use crate::support::{Ask, Server, admin, data, root, stderr, stdout};

/// One browser at a time: on two cores, two make each other's pages late for the keys.
fn alone() -> MutexGuard<'static, ()> {
    static BROWSER: Mutex<()> = Mutex::new(());
    BROWSER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks that must have gone well at least.
const CHECKS: usize = 23;

/// A shop with a milk, a soup that is sold out, and one like it that is not: column by column.
const TABLES: [(&str, &str); 3] = [
    (
        "products",
        "sku,name.en,name.de,category,brand\n\
         1001,Meadow Whole Milk,Meadow Vollmilch,dairy/milk,Meadow\n\
         1002,Meadow Skim Milk,Meadow Magermilch,dairy/milk,Meadow\n\
         1008,Garden Tomato Soup,,canned/soup,Garden\n\
         1009,Harvest Tomato Soup,,canned/soup,Harvest\n",
    ),
    ("prices", "sku,amount,currency\n1001,3.49,USD\n1002,3.29,USD\n1008,2.25,USD\n1009,2.45,USD\n"),
    (
        "stock",
        "sku,band,aisle,bay\n1001,plenty,7,3\n1002,some,7,3\n1008,out,3,3\n1009,plenty,3,3\n",
    ),
];

/// The shop's box, which has its facts from headquarters.
fn shop(hq: &Hq, folder: &Path) -> Server {
    hq.done(&["stores", "set", "store-1", "--title", "High Street"]);
    for (table, rows) in TABLES {
        let file = folder.join(format!("{table}.csv"));
        std::fs::write(&file, rows).unwrap();
        hq.done(&["facts", "push", table, file.to_str().unwrap()]);
    }
    let data = hq.new_box("store-1", "box-a", data());
    let server = Server::start_in(data, &[("ENDCAP_LINE_MAX_RETRY_S", "2")]);
    let stock = || server.ask(Ask::get("/store/v1/facts/stock/1009")).status;
    until("the facts did not come", &server, || stock() == 200);
    server
}

#[test]
fn a_shopper_asks_gets_angry_and_a_person_answers() {
    let _alone = alone();
    let installed = root().join("tests/clients/node_modules/axe-core");
    assert!(installed.exists(), "the browser's tests are not installed; run tests/run once");
    let (hq, folder) = (Hq::start(), tempfile::tempdir().unwrap());
    let server = shop(&hq, folder.path());
    let output = Command::new("node")
        .arg("check.mjs")
        .current_dir(root().join("tests/pages"))
        .env("ENDCAP_URL", &server.url)
        .env("ENDCAP_TOKEN", admin())
        .env("ENDCAP_BINARY", env!("CARGO_BIN_EXE_endcap"))
        .env("ENDCAP_HQ", &hq.url)
        .env("ENDCAP_HQ_TOKEN", &hq.token)
        .env("ENDCAP_HQ_AUTHORITY", hq.authority())
        .env("ENDCAP_HQ_PID", hq.pid().to_string())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert!(output.status.success(), "{told}\n{}", server.log());
    assert!(told.matches("ok ").count() >= CHECKS, "{told}");
}

#[test]
fn a_browser_that_trusts_the_shops_authority_stays_paired_over_tls() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let files = crate::desk::shop_authority(folder.path());
    let settings: Vec<(&str, &str)> = files.iter().map(|(name, at)| (*name, at.as_str())).collect();
    let server = Server::start_with(&settings);
    let code = crate::desk::code_on_the_box(&server, &files);
    let output = Command::new("node")
        .arg("trust.mjs")
        .current_dir(root().join("tests/pages"))
        .env("ENDCAP_PORT", server.address().rsplit(':').next().unwrap())
        .env("ENDCAP_CODE", stdout(&code).trim())
        .env("ENDCAP_SHOP_AUTHORITY", folder.path().join("shop-ca.pem"))
        .output()
        .unwrap();
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert!(
        output.status.success() && told.matches("ok ").count() == 2,
        "{told}\n{}",
        server.log()
    );
}

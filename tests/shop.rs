//! A shop that comes as files, and is searched: by the commands and over HTTP.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Ask, Server, admin, data, endcap, import_as, root, stderr, stdout};

const ON_DEMAND: (&str, &str) = ("ENDCAP_MODELS_LOAD", "demand");

fn shop() -> Server {
    Server::start_in(data(), &[ON_DEMAND])
}

fn facts(server: &Server, arguments: &[&str]) -> Output {
    let mut command = endcap();
    command.arg("facts").args(arguments).args(["--server", &server.url]);
    command.env("ENDCAP_TOKEN", admin()).output().unwrap()
}

fn done(server: &Server, arguments: &[&str]) -> String {
    let output = facts(server, arguments);
    assert!(output.status.success(), "{arguments:?}: {}\n{}", stderr(&output), server.log());
    stdout(&output)
}

fn table(name: &str) -> String {
    root().join("models/tables").join(name).display().to_string()
}

fn search(server: &Server, query: &str) -> Value {
    let answer = server.ask(Ask::get(&format!("/store/v1/search?{query}")));
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    answer.json()
}

fn skus(server: &Server, query: &str) -> Vec<String> {
    let found = search(server, query);
    let products = found["products"].as_array().unwrap().iter();
    products.map(|product| product["sku"].as_str().unwrap().to_owned()).collect()
}

/// The tables of the sample shop as files.
fn sample(folder: &Path) {
    let packed = std::fs::File::open(root().join("models/sample-shop/shop.tar.gz")).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(packed)).unpack(folder).unwrap();
}

#[test]
fn files_of_each_kind_are_loaded_by_one_command() {
    let server = shop();
    let told = done(&server, &["load", "products", &table("products.parquet")]);
    assert_eq!(told.trim(), "products: 3 rows: 3 created");
    let told = done(&server, &["load", "products", &table("products.csv")]);
    assert_eq!(told.trim(), "products: 3 rows: 3 stale", "its stamps are not above those held");
    done(&server, &["load", "prices", &table("prices.csv")]);
    let told = done(&server, &["load", "prices", &table("prices.parquet"), "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["outcomes"]["unchanged"], 3, "{told}");

    let folder = tempfile::tempdir().unwrap();
    let exported = folder.path().join("prices.ndjson");
    std::fs::write(&exported, done(&server, &["export", "prices"])).unwrap();
    let told = done(&server, &["load", "prices", exported.to_str().unwrap()]);
    assert_eq!(told.trim(), "prices: 3 rows: 3 unchanged");
    let oat = server.ask(Ask::get("/store/v1/facts/prices/0041")).json();
    assert_eq!(oat["fact"], json!({"amount": 2.49, "currency": "EUR", "was": 2.99}));
}

#[test]
fn a_file_with_faults_tells_them_all_and_loads_nothing() {
    let server = shop();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path: PathBuf = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let prices =
        write("prices.csv", "sku,amount,currency\n1,2.50,USD\n2,much,USD\n3,1,Dollar\n1,9,USD\n");
    let output = facts(&server, &["load", "prices", &prices]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for says in [
        "prices.csv: line 3, column `amount`: `much` is not a number",
        "prices.csv: line 4, column `currency`: `Dollar` is not a currency",
        "prices.csv: line 5: `1` stands on line 2 as well",
        "nothing was loaded",
    ] {
        assert!(told.contains(says), "{says} is not in: {told}");
    }
    assert_eq!(server.ask(Ask::get("/store/v1/facts/prices/1")).status, 404);

    let columns = write("stock.csv", "sku,band,colour\n1,low,red\n");
    let output = facts(&server, &["load", "stock", &columns]);
    assert!(stderr(&output).contains("line 1, column `colour`: `stock` has no such column"));
    let output = facts(&server, &["load", "stock", &write("stock.xlsx", "")]);
    assert!(stderr(&output).contains("must end with .csv"), "{}", stderr(&output));
    // What only the server knows is refused there, as a whole.
    let wide = "x".repeat(20_000);
    let wide = write("products.csv", &format!("sku,name.en\n1,Milk\n2,{wide}\n"));
    let output = facts(&server, &["load", "products", &wide]);
    let told = stderr(&output);
    assert!(told.contains("nothing of") && told.contains("line 2: products:2"), "{told}");
    assert_eq!(server.ask(Ask::get("/store/v1/facts/products/1")).status, 404);
}

#[test]
fn the_sample_shop_is_loaded_and_searched() {
    let server = shop();
    let folder = tempfile::tempdir().unwrap();
    sample(folder.path());
    for (table, rows) in
        [("products", 5000), ("prices", 5000), ("stock", 5000), ("promotions", 763), ("recalls", 3)]
    {
        let file = folder.path().join(format!("{table}.csv"));
        let told = done(&server, &["load", table, file.to_str().unwrap(), "--quiet"]);
        assert_eq!(told.trim(), format!("{table}: {rows} rows: {rows} created"));
    }
    for (query, says) in [
        ("q=strawbery+yogurt", "Strawberry"),
        ("q=Erdbeerjoghurt&language=de", "Joghurt Erdbeere"),
        ("q=do+you+have+unsalted+butter%3F", "Unsalted Butter"),
    ] {
        let found = search(&server, query);
        let name = found["products"][0]["name"].as_str().unwrap();
        assert!(name.contains(says), "{query}: {name}");
        assert_eq!(found["by_meaning"], false, "no encoder is installed");
    }
    let cheap =
        search(&server, "q=pizza&category=frozen%2Fpizza&max_price=3&in_stock=true&limit=100");
    let cheap = cheap["products"].as_array().unwrap();
    assert!(cheap.len() > 5, "{cheap:?}");
    for product in cheap {
        assert!(product["price"]["amount"].as_f64().unwrap() <= 3.0, "{product}");
        assert_ne!(product["stock"]["band"], "out", "{product}");
        assert!(product["category"].as_str().unwrap().starts_with("frozen/pizza"), "{product}");
        assert!(product["location"]["aisle"].is_string(), "{product}");
    }
    let promoted = search(&server, "q=soup&on_promotion=true&limit=5");
    let promotion = &promoted["products"][0]["promotions"];
    assert!(promotion.as_array().is_some_and(|ids| !ids.is_empty()), "{promoted}");
    let told = done(&server, &["search", "oat", "drink", "--without", "milk,nuts", "--limit", "3"]);
    assert!(told.lines().count() <= 3 && told.contains("USD"), "{told}");
}

#[test]
fn a_product_is_found_as_long_as_it_is_there() {
    let server = shop();
    done(&server, &["load", "products", &table("products.csv")]);
    assert_eq!(skus(&server, "q=haferdrink")[0], "0041");
    let recall = json!({
        "skus": ["0041"], "reasons": {"en": "Glass"}, "since": "2026-01-01T00:00:00Z",
    });
    let put = Ask::raw("PUT", "/store/v1/facts/recalls/r1", recall.to_string().into_bytes());
    assert_eq!(server.ask(put.header("content-type", "application/json")).status, 200);
    assert_eq!(search(&server, "q=haferdrink")["products"][0]["recalled"], true);
    let gone = Ask::raw("DELETE", "/store/v1/facts/products/0041", Vec::new());
    assert_eq!(server.ask(gone).status, 200);
    assert!(!skus(&server, "q=haferdrink").contains(&"0041".to_owned()));
}

#[test]
fn a_query_is_honoured_or_refused_by_field() {
    let server = shop();
    for (query, param) in [
        ("", "q"),
        ("q=", "q"),
        ("query=milk", "query"),
        ("q=milk&limit=101", "limit"),
        ("q=milk&max_price=cheap", "max_price"),
        ("q=milk&without=air", "without"),
        ("q=milk&in_stock=yes", "in_stock"),
        ("q=milk&category=%2F", "category"),
        ("q=milk&language=German", "language"),
        ("q=milk&q=bread", "q"),
    ] {
        let answer = server.ask(Ask::get(&format!("/store/v1/search?{query}")));
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json()["error"]["param"], param, "{query}: {}", answer.text());
    }
    let anonymous = server.ask(Ask::get("/store/v1/search?q=milk").anonymous());
    assert_eq!(anonymous.status, 401);
}

#[test]
fn products_get_vectors_in_the_background_and_keep_them_over_a_restart() {
    let folder = data();
    import_as("encoder", &root().join("models/tiny/encoder"), folder.path());
    let server = Server::start_in(folder, &[ON_DEMAND]);
    done(&server, &["load", "products", &table("products.csv")]);
    server.wait_for_log("products can be found by meaning");
    assert_eq!(search(&server, "q=rye")["by_meaning"], true);
    let again = Server::start_in(server.kill(), &[ON_DEMAND]);
    assert_eq!(search(&again, "q=rye")["by_meaning"], true);
    assert!(!again.log().contains("products can be found by meaning"), "{}", again.log());
}

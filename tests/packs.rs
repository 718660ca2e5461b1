//! A pack of answers from the box that made them, over HQ, to a box on which no model ran for them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use endcap::facts::{UnixSeconds, Zone, sample};
use endcap::protocol::documents::PackSourceReader;
use endcap_testing::proxy::Proxy;

use crate::support::{Ask, Server, admin, bare, copy, endcap, stderr, stdout};

const PATIENCE: Duration = Duration::from_secs(60);
const COPY: &str = "/store/v1/copy";

/// HQ with a broker of its own, and an admin's token.
struct Hq {
    process: Child,
    url: String,
    token: String,
    folder: tempfile::TempDir,
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Drop for Hq {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn done(mut command: Command) -> String {
    let output: Output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    stdout(&output).trim().to_owned()
}

impl Hq {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut user = endcap();
        user.args(["hq", "init", "--admin", "Ada", "--at"]).arg(folder.path());
        let token = done(user);
        let mut process = endcap()
            .args(["hq", "serve", "--broker", "embedded", "--listen", "127.0.0.1:0", "--at"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.split_whitespace().last().unwrap().to_owned();
        Self { process, url, token, folder, _stdout: stdout }
    }

    /// What a command of HQ says.
    fn tell(&self, arguments: &[&str]) -> String {
        let mut command = endcap();
        command.arg("hq").args(arguments).env("ENDCAP_HQ", &self.url);
        command.env("ENDCAP_HQ_TOKEN", &self.token);
        done(command)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.tell(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Publishes lines of a table.
    fn push(&self, table: &str, lines: &[Value]) {
        let file = self.folder.path().join(format!("{table}.ndjson"));
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&file, text).unwrap();
        self.tell(&["facts", "push", table, file.to_str().unwrap(), "--quiet"]);
    }

    /// A box of this name with the default model, enrolled and on the line.
    fn open_box(&self, name: &str, package: &Path) -> Server {
        self.open_box_at(&self.url, name, package)
    }

    /// The same for a box that finds HQ at this address.
    fn open_box_at(&self, url: &str, name: &str, package: &Path) -> Server {
        let token = self.tell(&["enroll-token", "store-1", name]);
        let data = bare();
        copy(package, &data.path().join("models/smollm2-135m-instruct"));
        let mut enroll = endcap();
        enroll.args(["enroll", "--hq", url, "--token", &token, "--data"]);
        enroll.arg(data.path());
        done(enroll);
        Server::start_in(data, &[])
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it did not come to be: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn written(server: &Server, sku: &str) -> (Value, String) {
    let order = json!({ "sku": sku, "kind": "description" });
    let answer = server.ask(Ask::post(COPY, &order));
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.json(), answer.header("cache-status").unwrap().to_owned())
}

/// Tokens that the models of a server have generated.
fn generated(server: &Server) -> u64 {
    let metrics = server.ask(Ask::get("/metrics")).text();
    let is_output =
        |line: &&str| line.starts_with("endcap_tokens_total{") && line.contains("\"output\"");
    let counts = metrics.lines().filter(is_output);
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

fn cache(server: &Server, arguments: &[&str]) -> String {
    let mut command = endcap();
    command.arg("cache").args(arguments).args(["--server", &server.url]);
    command.env("ENDCAP_TOKEN", admin());
    done(command)
}

fn pack_epoch(server: &Server) -> Option<u64> {
    server.ask(Ask::get("/store/v1/cache/stats")).json()["pack"]["epoch"].as_u64()
}

/// The package that `ENDCAP_REFERENCE_PACKAGE` names.
fn package() -> PathBuf {
    std::env::var_os("ENDCAP_REFERENCE_PACKAGE")
        .expect("ENDCAP_REFERENCE_PACKAGE is not set")
        .into()
}

fn product(sku: &str, name: &str) -> Value {
    let text = format!("{name} from a small farm, creamy and fresh.");
    json!({ "id": sku, "fact": {
        "names": { "en": name }, "descriptions": { "en": text }, "category": "dairy/milk",
        "allergens": { "contains": ["milk"] },
    }})
}

#[test]
#[ignore = "needs the default model: tests/run --full"]
fn what_one_box_wrote_is_given_by_another_without_a_model_until_a_fact_changes_or_it_is_taken_back()
{
    let hq = Hq::start();
    hq.tell(&["stores", "set", "store-1", "--title", "One"]);
    let skus: Vec<String> = (1..=6).map(|number| format!("100{number}")).collect();
    let names =
        ["Meadow Milk", "Hill Milk", "Brook Yoghurt", "Field Butter", "Wood Cheese", "Lake Cream"];
    let products: Vec<Value> =
        skus.iter().zip(names).map(|(sku, name)| product(sku, name)).collect();
    hq.push("products", &products);
    let (maker, other) = (hq.open_box("box-a", &package()), hq.open_box("box-b", &package()));
    for server in [&maker, &other] {
        until("the facts are there", || {
            server.ask(Ask::get("/store/v1/facts/products/1006")).status == 200
        });
    }

    // One box writes, and the texts that pass every check leave it.
    let texts: Vec<(&String, Value)> =
        skus.iter().map(|sku| (sku, written(&maker, sku).0)).collect();
    let good = texts.iter().filter(|(_, text)| text["provenance"]["step"] == "model");
    let good: Vec<_> = good.collect();
    assert!(good.len() >= 2, "the model wrote too little: {texts:?}");
    let file = hq.folder.path().join("copy.pack");
    let file = file.to_str().unwrap();
    cache(&maker, &["export", file, "--routes", "copy", "--min-asked", "1"]);
    hq.tell(&["cache", "publish", file, "--name", "copy", "--box", "store-1/box-b"]);
    let pack = &hq.json(&["cache", "list"])[0];
    assert_eq!(pack["answers"].as_u64(), Some(good.len() as u64), "{pack}");
    until("the pack is there", || pack_epoch(&other) == Some(1));

    // The other one gives them, and its model has not said a word.
    let before = generated(&other);
    for (sku, text) in &good {
        let (given, status) = written(&other, sku);
        assert!(status.contains("hit"), "{sku}: {status}");
        assert_eq!(given["text"], text["text"]);
        let id = status.split("key=\"").nth(1).unwrap().split('"').next().unwrap();
        let why = cache(&other, &["why", id]);
        assert!(why.contains("pack      1 (copy)"), "{why}");
    }
    assert_eq!(generated(&other), before);
    until("HQ has the report", || {
        let store = hq.json(&["status", "store-1"]);
        let nodes = store["nodes"].as_array().unwrap();
        let told = nodes.iter().flat_map(|node| node["reported"].as_array().unwrap());
        told.clone().any(|row| row["document"] == "cache" && row["applied"] == 1)
    });

    // A fact changes at HQ: its answer is not given any more; the others are.
    let (gone, stays) = (good[0].0.as_str(), good[1].0.as_str());
    let mut changed = product(gone, "Another Name");
    changed["fact"]["allergens"]["contains"] = json!(["milk", "nuts"]);
    hq.push("products", &[changed]);
    until("the change is there", || {
        let fact = server_fact(&other, gone);
        fact["names"]["en"] == "Another Name"
    });
    assert!(!written(&other, gone).1.contains("hit"), "it tells of another product");
    assert!(written(&other, stays).1.contains("hit"));

    // A recall: both boxes confirm it, once.
    let recall = json!({ "id": "r1", "fact": {
        "skus": [stays], "reasons": { "en": "glass" }, "since": "2026-01-01T00:00:00Z",
    }});
    hq.push("recalls", &[recall]);
    until("both boxes have confirmed", || hq.json(&["recalls"])[0]["confirmed"] == 2);
    let rows = hq.json(&["recalls", "r1"]);
    let of = |name: &str| {
        let rows = rows.as_array().unwrap().iter();
        rows.clone().find(|row| row["place"] == format!("main/store-1/{name}")).unwrap().clone()
    };
    assert!(of("box-b")["answers"].as_u64() >= Some(1), "{rows}");
    assert_eq!(hq.json(&["recalls", "r1", "--silent"]), json!([]));

    // Taken back, it is gone as a set.
    hq.tell(&["cache", "roll-back", "--box", "store-1/box-b"]);
    until("the pack is gone", || {
        let stats = other.ask(Ask::get("/store/v1/cache/stats")).json();
        stats["pack"]["entries"] == 0
    });
    for (sku, _) in good.iter().skip(2) {
        assert!(!written(&other, sku).1.contains("hit"), "{sku}");
    }
}

/// Products of the sample shop, with their prices, as lines to be pushed.
fn sample(count: usize) -> (Vec<Value>, Vec<Value>) {
    let lines = sample::lines(UnixSeconds::now(), Zone::System).unwrap();
    let lines: Vec<Value> =
        lines.split(|byte| *byte == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
    let of = |table: &'static str| {
        let lines = lines.iter().filter(move |line| line["table"] == table);
        lines.map(|line| json!({ "id": line["id"], "fact": line["fact"] }))
    };
    let products: Vec<Value> = of("products").take(count).collect();
    let is_sold = |price: &Value| products.iter().any(|product| product["id"] == price["id"]);
    let prices = of("prices").filter(is_sold).collect();
    (products, prices)
}

/// How many answers a file has, and their bytes before they are packed.
fn raw(file: &str) -> (usize, usize) {
    let answers = PackSourceReader::new(std::fs::File::open(file).unwrap(), u64::MAX).unwrap();
    answers.fold((0, 0), |(count, bytes), answer| (count + 1, bytes + answer.unwrap().len()))
}

#[test]
#[ignore = "writes texts for minutes with the default model: tests/run --full"]
fn a_pack_takes_a_small_part_of_what_it_says() {
    const PRODUCTS: usize = 40;
    const CHANGED: usize = 4;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let hq = Hq::start();
    hq.tell(&["stores", "set", "store-1", "--title", "One"]);
    let (mut products, prices) = sample(PRODUCTS);
    hq.push("products", &products);
    hq.push("prices", &prices);
    let at = hq.url.strip_prefix("http://").unwrap().parse().unwrap();
    let wan = runtime.block_on(Proxy::before(at));
    let maker = hq.open_box("box-a", &package());
    let other = hq.open_box_at(&format!("http://127.0.0.1:{}", wan.port), "box-b", &package());
    let id = |product: &Value| product["id"].as_str().unwrap().to_owned();
    let has = |server: &Server, product: &Value| {
        let fact = server_fact(server, &id(product));
        fact["names"] == product["fact"]["names"]
    };
    until("the facts are there", || {
        [&maker, &other].iter().all(|server| has(server, products.last().unwrap()))
    });
    let write = |products: &[Value]| {
        for (product, kind) in
            products.iter().flat_map(|p| [(p, "description"), (p, "shelf_talker")])
        {
            let order = json!({ "sku": id(product), "kind": kind, "length": "medium" });
            let answer = maker.ask(Ask::post(COPY, &order));
            assert!([200, 409].contains(&answer.status), "{}", answer.text());
        }
    };
    let publish = |epoch: u64| {
        let file = hq.folder.path().join(format!("{epoch}.pack"));
        let file = file.to_str().unwrap();
        cache(&maker, &["export", file, "--routes", "copy", "--min-asked", "1"]);
        let before = wan.passed();
        hq.tell(&["cache", "publish", file, "--name", "copy", "--box", "store-1/box-b"]);
        until("the pack is there", || pack_epoch(&other) == Some(epoch));
        let passed = wan.passed().since(before);
        let listed = hq.json(&["cache", "list"]);
        let pack = listed.as_array().unwrap().iter().find(|pack| pack["epoch"] == epoch).unwrap();
        let (answers, bytes) = raw(file);
        eprintln!(
            "pack {epoch}: {answers} answers, {bytes} bytes raw, {} as the file, {} whole, {} as a \
             delta; over the WAN {passed:?}",
            std::fs::metadata(file).unwrap().len(),
            pack["whole_bytes"],
            pack["delta_bytes"],
        );
        let whole = pack["whole_bytes"].as_u64().unwrap();
        let delta = pack["delta_bytes"].as_u64();
        (answers, bytes as u64, whole, delta)
    };
    write(&products);
    let (answers, bytes, whole, none) = publish(1);
    assert!(answers > PRODUCTS / 10, "the model wrote too little: {answers}");
    assert!(whole < bytes && none.is_none());
    for product in products.iter_mut().take(CHANGED) {
        product["fact"]["names"]["en"] = json!(format!("New {}", id(product)));
    }
    hq.push("products", &products[..CHANGED]);
    until("the changes are there", || {
        products[..CHANGED].iter().all(|product| has(&maker, product))
    });
    write(&products[..CHANGED]);
    let (_, _, whole, delta) = publish(2);
    assert!(delta.is_some_and(|delta| delta * 2 < whole), "{delta:?} of {whole}");
}

fn server_fact(server: &Server, sku: &str) -> Value {
    server.ask(Ask::get(&format!("/store/v1/facts/products/{sku}"))).json()["fact"].clone()
}

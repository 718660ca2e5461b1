//! Real packages in a budget that is too small for all of them, under a limit that the system keeps.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::storm::{flat, minutes};
use super::{ON_DEMAND, act};
use crate::support::{Ask, Server, bare, copy, group};

/// What weights, pages and runs may take.
const BUDGET: (&str, &str) = ("ENDCAP_ENGINE_MEMORY_BUDGET", "1 GiB");
/// What the whole process may take, the system's pages of its files included: a quarter more.
const LIMIT_BYTES: u64 = 5 << 28;
/// Who asks at once.
const ASKERS: u64 = 6;

/// A page with dark bars where lines would be, so that all of reading has something to do.
fn page() -> Vec<u8> {
    let mut image = RgbImage::from_pixel(900, 640, Rgb([250; 3]));
    for line in 0..8 {
        for (x, y) in (0..24).flat_map(|y| (0..400).map(move |x| (x, y))) {
            let ink = if (x / 9 + y / 8 + line) % 3 == 0 { 250 } else { 20 };
            image.put_pixel(60 + x, 40 + 70 * line + y, Rgb([ink; 3]));
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A request that the package of this name answers; `None` for one that only helps another.
fn question(name: &str, page: &[u8]) -> Option<Ask> {
    let picture = |path: &str| {
        let path = format!("/store/v1/vision/{path}?model={name}");
        Ask::post_raw(&path, page.to_vec()).header("content-type", "image/png")
    };
    let text = "Is the oat milk that was on the lower shelf last week still sold here?";
    Some(match name {
        _ if name.contains("-rec") || name.contains("-turn") => return None,
        _ if name.contains("-det") => picture("ocr"),
        "u2netp" => picture("segment"),
        "open-nsfw" => picture("classify"),
        _ if name.contains("toxicity") => {
            Ask::post("/store/v1/text/classify", &json!({ "model": name, "input": text }))
        }
        _ if name.contains("minilm") => {
            Ask::post("/v1/embeddings", &json!({ "model": name, "input": [text, "Yes."] }))
        }
        _ => {
            let body = json!({ "model": name, "prompt": text, "max_tokens": 8, "temperature": 0 });
            Ask::post("/v1/completions", &body)
        }
    })
}

/// A data folder with these packages and the admin token.
fn packages(names: &[(String, PathBuf)]) -> tempfile::TempDir {
    let data = bare();
    for (name, folder) in names {
        copy(folder, &data.path().join("models").join(name));
    }
    data
}

fn found(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|path| path.join("package.json").exists())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    found.sort();
    found
}

/// `ENDCAP_STORM_PACKAGES` names a folder of packages of the catalogue, `ENDCAP_STRESS_MINUTES` says
/// for how long; 10 without it. Where this may not make a control group, the limit is only looked at.
#[test]
#[ignore = "takes ten minutes and real packages: tests/run --full"]
fn in_a_storm_of_real_packages_memory_stays_below_a_hard_limit() {
    let folder = std::env::var_os("ENDCAP_STORM_PACKAGES").expect("it names a folder of packages");
    let names = found(Path::new(&folder));
    assert!(names.len() >= 6, "six packages at least: {names:?}");
    let limit = group::Limit::of(LIMIT_BYTES);
    let server = Server::start_limited(packages(&names), &[ON_DEMAND, BUDGET], limit.as_ref());
    let (page, duration) = (page(), minutes());
    let (until, asked) = (Instant::now() + duration, AtomicUsize::new(0));
    let seed: u64 = rand::random();
    let late = AtomicUsize::new(0);
    eprintln!("seed {seed}, limit kept by the system: {}", limit.is_some());
    let mut resident = Vec::new();
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let (server, asked, names, page, late) = (&server, &asked, &names, &page, &late);
            scope.spawn(move || {
                let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(asker ^ seed);
                while Instant::now() < until {
                    let name = &names[rng.random_range(0..names.len())].0;
                    let Some(ask) = question(name, page) else { continue };
                    let answer = server.ask(ask);
                    if answer.status == 503 && answer.header("retry-after").is_some() {
                        late.fetch_add(1, Ordering::SeqCst);
                        eprintln!("{name}: {}", answer.text());
                        continue;
                    }
                    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                    asked.fetch_add(1, Ordering::SeqCst);
                    if rng.random_bool(0.2) {
                        let name = &names[rng.random_range(0..names.len())].0;
                        let verb = ["load", "unload"][rng.random_range(0..2)];
                        let status = act(server, name, verb).status;
                        assert!([200, 409].contains(&status), "{verb} {name}: {status}");
                    }
                }
            });
        }
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
            resident.push(server.private_bytes());
        }
    });
    let loads = server.metric("endcap_model_loads_total", "");
    let evictions = server.metric("endcap_model_evictions_total", "");
    let (asked, late) = (asked.into_inner(), late.into_inner());
    eprintln!(
        "{duration:?}: {asked} answers, {late} put off, {loads} loads, {evictions} evictions, {} MiB of \
         its own at most, {}",
        resident.iter().max().unwrap() >> 20,
        limit.as_ref().map_or("no group".to_owned(), group::Limit::told),
    );
    assert_eq!(server.metric("endcap_model_load_failures_total", ""), 0.0, "{}", server.log());
    assert!(*resident.iter().max().unwrap() <= LIMIT_BYTES);
    assert!(late * 100 <= asked, "{late} of {asked} were put off");
    flat(&resident);
    assert_eq!(server.ask(Ask::get("/health/ready")).status, 200);
}

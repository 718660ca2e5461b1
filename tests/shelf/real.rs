//! Real packages in a budget that is too small for all of them, under a limit that the system keeps.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::storm::minutes;
use super::{ON_DEMAND, act, until};
use crate::support::group::Limit;
use crate::support::{Ask, Server, bare, copy};

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
        "rampart" => Ask::post("/store/v1/text/tag", &json!({ "model": name, "input": text })),
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

/// What came of a storm.
#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    /// Answered 503 with the time to come back.
    put_off: AtomicUsize,
}

/// Asks, loads and unloads at random.
fn storm(server: &Server, names: &[(String, PathBuf)], duration: Duration, seed: u64) -> Counts {
    let (until, page, counts) = (Instant::now() + duration, page(), Counts::default());
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let (counts, page) = (&counts, &page);
            scope.spawn(move || {
                let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(asker ^ seed);
                while Instant::now() < until {
                    let name = &names[rng.random_range(0..names.len())].0;
                    let Some(question) = question(name, page) else { continue };
                    let answer = server.ask(question);
                    if answer.status == 503 && answer.header("retry-after").is_some() {
                        counts.put_off.fetch_add(1, Ordering::SeqCst);
                        eprintln!("{name}: {}", answer.text());
                        continue;
                    }
                    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                    counts.answered.fetch_add(1, Ordering::SeqCst);
                    if rng.random_bool(0.2) {
                        let name = &names[rng.random_range(0..names.len())].0;
                        let verb = ["load", "unload"][rng.random_range(0..2)];
                        let status = act(server, name, verb).status;
                        assert!([200, 409].contains(&status), "{verb} {name}: {status}");
                    }
                }
            });
        }
    });
    counts
}

/// Memory of its own that the server has when all models have left.
fn bare_bytes(server: &Server, names: &[(String, PathBuf)]) -> u64 {
    for (name, _) in names {
        assert_eq!(act(server, name, "unload").status, 200);
        until(server, name, "away");
    }
    server.private_bytes()
}

/// `ENDCAP_STORM_PACKAGES` names a folder of packages of the catalogue, `ENDCAP_STRESS_MINUTES` says
/// for how long; 10 without it. Where this may not make a control group, the limit is only looked at.
#[test]
#[ignore = "takes ten minutes and real packages: tests/run --full"]
fn in_a_storm_of_real_packages_memory_stays_below_a_hard_limit() {
    let folder = std::env::var_os("ENDCAP_STORM_PACKAGES").expect("it names a folder of packages");
    let names = found(Path::new(&folder));
    assert!(names.len() >= 6, "six packages at least: {names:?}");
    let limit = Limit::of(LIMIT_BYTES);
    let server = Server::start_limited(packages(&names), &[ON_DEMAND, BUDGET], limit.as_ref());
    let seed: u64 = rand::random();
    eprintln!("seed {seed}, limit kept by the system: {}", limit.is_some());
    let mut bare = Vec::new();
    for part in 0..3 {
        let counts = storm(&server, &names, minutes() / 3, seed + 100 * part);
        let [loads, evictions, failures] = ["loads", "evictions", "load_failures"]
            .map(|what| server.metric(&format!("endcap_model_{what}_total"), ""));
        let (answered, put_off) = (counts.answered.into_inner(), counts.put_off.into_inner());
        bare.push(bare_bytes(&server, &names));
        eprintln!(
            "{answered} answers, {put_off} put off, {loads} loads, {evictions} evictions; {} MiB at \
             most, {}; all away: {} MiB of its own",
            server.most_memory_bytes() >> 20,
            limit.as_ref().map_or("no group".to_owned(), Limit::told),
            bare[bare.len() - 1] >> 20,
        );
        assert_eq!(failures, 0.0, "{}", server.log());
        // On a machine that does much else a run may wait for longer than it may.
        assert!(put_off * 20 <= answered, "{put_off} of {answered} were put off");
    }
    assert!(limit.is_some() || server.most_memory_bytes() <= LIMIT_BYTES);
    assert!(bare[2] <= bare[0] + (32 << 20), "memory grows: {bare:?}");
    assert_eq!(server.ask(Ask::get("/health/ready")).status, 200);
}

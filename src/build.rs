//! Tells the program the day on which it was built: a moment that has certainly passed when it runs.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 24 * 60 * 60;

fn main() {
    // Where nothing of this changes the day stays what it was, which is as certain.
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rerun-if-changed=Cargo.toml");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    #[allow(clippy::disallowed_methods, reason = "a build has no settings but its environment")]
    let named = std::env::var("SOURCE_DATE_EPOCH").ok();
    let named = named.and_then(|text| text.parse::<u64>().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let built = named.unwrap_or_else(now);
    // The day's beginning: a box whose clock is a little behind the builder's still knows the time.
    println!("cargo::rustc-env=ENDCAP_BUILT_S={}", built - built % DAY_S);
}

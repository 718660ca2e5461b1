//! Where code and memory are. Without cryptography the budget is the machine: what does not fit
//! into 24 KiB of flash and 4 KiB of RAM is not linked.

use std::path::PathBuf;

fn main() {
    let (flash, ram) = match std::env::var_os("CARGO_FEATURE_ED25519") {
        Some(_) => ("128K", "32K"),
        None => ("24K", "4K"),
    };
    let memory = format!(
        "MEMORY {{ FLASH : ORIGIN = 0x00000000, LENGTH = {flash}\n\
         RAM : ORIGIN = 0x20000000, LENGTH = {ram} }}\n"
    );
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").unwrap());
    std::fs::write(folder.join("memory.x"), memory).unwrap();
    println!("cargo:rustc-link-search={}", folder.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-changed=build.rs");
}

//! Puts the catalog file that `NEWEL_CATALOG_FILE` names where `include_bytes!` finds it. Without the variable an empty
//! file stands in, so that a build with every feature on needs no catalog.

use std::path::PathBuf;
use std::{env, fs};

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=NEWEL_CATALOG_FILE");
    if env::var_os("CARGO_FEATURE_EMBED").is_none() {
        return Ok(());
    }
    let to = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("catalog.bin");
    let Some(from) = env::var_os("NEWEL_CATALOG_FILE") else { return fs::write(to, []) };
    println!("cargo:rerun-if-changed={}", PathBuf::from(&from).display());
    fs::copy(from, to).map(drop)
}

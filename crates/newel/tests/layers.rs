//! The layer table of `docs/architecture.md` against what the workspace is: every crate is in it, and no crate depends on
//! one that its line doesn't list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The rows `| layer | crate | what it is | may depend on |`, and nothing but them.
fn table(document: &str) -> Arrows {
    let mut lines =
        document.lines().skip_while(|line| *line != "| layer | crate | what it is | may depend on |").skip(2);
    let rows = lines.by_ref().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{row}");
        let name = cells[1].trim_matches('`').to_owned();
        let below = cells[3].split(',').map(str::trim).filter(|name| !matches!(*name, "" | "–"));
        (name, below.map(str::to_owned).collect())
    })
    .collect()
}

/// What each crate of the workspace depends on among them, as its manifest says, dev-dependencies aside.
fn manifests() -> Arrows {
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("the shape of cargo metadata");
    let packages = metadata["packages"].as_array().expect("the shape of cargo metadata");
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["name"].as_str().expect("the shape of cargo metadata"))
        .collect();
    let short = |name: &str| name.strip_prefix("newel-").unwrap_or(name).to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies =
                package["dependencies"].as_array().expect("the shape of cargo metadata").iter();
            let below = dependencies
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| dependency["name"].as_str().expect("the shape of cargo metadata"))
                .filter(|name| names.contains(name));
            (
                short(package["name"].as_str().expect("the shape of cargo metadata")),
                below.map(short).collect(),
            )
        })
        .collect()
}

#[test]
fn no_arrow_but_those_of_the_table() {
    let document = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let (allowed, found) = (table(&document), manifests());
    assert_eq!(
        allowed.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>(),
        "the table and the workspace have different crates"
    );
    let wrong: Vec<String> = found
        .iter()
        .flat_map(|(from, below)| below.difference(&allowed[from]).map(move |to| format!("{from} -> {to}")))
        .collect();
    assert!(wrong.is_empty(), "arrows that docs/architecture.md doesn't list: {}", wrong.join(", "));
}

#[test]
fn arrows_of_the_table_point_down_only() {
    let document = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let mut above = table(&document);
    while !above.is_empty() {
        let lowest: Vec<String> =
            above.iter().filter(|(_, below)| below.is_empty()).map(|(name, _)| name.clone()).collect();
        assert!(!lowest.is_empty(), "these go in a circle: {:?}", above.keys());
        above.retain(|name, _| !lowest.contains(name));
        for below in above.values_mut() {
            below.retain(|name| !lowest.contains(name));
        }
    }
}

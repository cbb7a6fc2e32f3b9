//! The integrations with the models of all services. `NEWEL_CATALOG` names the packed file; a test without it says so and
//! passes, unless `NEWEL_REQUIRE_DATA=1`.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use newel_aws_catalog::Catalog;
use newel_integrations::Integrations;

/// The integrations; none where the packed file is absent.
pub(crate) fn integrations() -> Option<Integrations> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.newel/aws-catalog.bin"));
    let path = env::var_os("NEWEL_CATALOG").map_or_else(default, PathBuf::from);
    if !path.exists() {
        assert!(env::var_os("NEWEL_REQUIRE_DATA").is_none_or(|v| v != "1"), "{} is missing", path.display());
        eprintln!("skipped: {} is missing", path.display());
        return None;
    }
    Some(Integrations::new(Arc::new(Catalog::open(path).unwrap())))
}

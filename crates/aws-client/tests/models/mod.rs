//! The packed models that tests of the real catalog read.

use std::path::Path;
use std::sync::Arc;

use newel_aws_catalog::Catalog;

/// The catalog that `NEWEL_CATALOG` names, else the one that `make catalog` has packed; without one the tests say so and skip.
pub(crate) fn catalog() -> Option<Arc<Catalog>> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.newel/aws-catalog.bin");
    let path = std::env::var_os("NEWEL_CATALOG").map_or(default, Into::into);
    if !path.exists() {
        println!("skipped: {} is not there (NEWEL_CATALOG)", path.display());
        return None;
    }
    Some(Arc::new(Catalog::open(path).unwrap()))
}

//! What can go wrong with a catalog.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a catalog can't be opened, or doesn't answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("service catalog {path} can't be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<std::io::Error>,
    },
    /// Nobody named a file, and there is none where programs look.
    #[error(
        "no service catalog at {}: pack one with `make setup`, and name it in `catalog.path` or $NEWEL_CATALOG",
        places(.0)
    )]
    Nowhere(Vec<PathBuf>),
    /// The bytes are something else.
    #[error("not a service catalog")]
    NotACatalog,
    /// The file was packed for another version of this crate.
    #[error("service catalog has format {found}, this program reads format {expected}; pack it anew")]
    Format {
        /// The file's format.
        found: u32,
        /// This crate's.
        expected: u32,
    },
    /// The file doesn't hold what it says.
    #[error("service catalog is damaged: {0}")]
    Damaged(String),
    /// No catalog was put into this program.
    #[error("this program was built without a service catalog inside")]
    NotEmbedded,
    /// The models can't be packed.
    #[error("models can't be packed: {0}")]
    Pack(String),
}

fn places(paths: &[PathBuf]) -> String {
    let places: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    places.join(" or ")
}

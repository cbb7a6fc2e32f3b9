//! Where programs find the packed file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::{Catalog, Error};

/// The variable that names the file when a configuration doesn't.
const VARIABLE: &str = "NEWEL_CATALOG";
/// The file's name beside a program.
const FILE: &str = "aws-catalog.bin";
/// Where packages and images put it.
const SYSTEM: &str = "/usr/share/newel/aws-catalog.bin";

impl Catalog {
    /// Opens the catalog that this program is to use: the configured file, or the one that `NEWEL_CATALOG` names, or
    /// `aws-catalog.bin` beside the program, or `/usr/share/newel/aws-catalog.bin`, or the one the program was built with
    /// (feature `embed`). Who names a file gets that one or an error: nothing is looked for elsewhere then.
    ///
    /// # Errors
    /// [`Error::Nowhere`] if there is none of them; otherwise as [`Catalog::open`].
    pub fn find(configured: Option<&Path>) -> Result<Self, Error> {
        let variable = std::env::var_os(VARIABLE);
        let program = std::env::current_exe().ok();
        match locate(configured, variable.as_deref(), program.as_deref(), Path::new(SYSTEM)) {
            Ok(path) => Self::open(path),
            #[cfg(feature = "embed")]
            Err(nowhere) => Self::embedded().map_err(|_| nowhere),
            #[cfg(not(feature = "embed"))]
            Err(nowhere) => Err(nowhere),
        }
    }
}

fn locate(
    configured: Option<&Path>,
    variable: Option<&OsStr>,
    program: Option<&Path>,
    system: &Path,
) -> Result<PathBuf, Error> {
    let named = configured.or_else(|| variable.filter(|name| !name.is_empty()).map(Path::new));
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let beside = program.and_then(Path::parent).map(|folder| folder.join(FILE));
    let places: Vec<PathBuf> = beside.into_iter().chain([system.to_owned()]).collect();
    places.iter().find(|place| place.is_file()).cloned().ok_or_else(|| Error::Nowhere(places.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_wins_and_what_is_there_is_found() {
        let folder = std::env::temp_dir().join(format!("newel-locate-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (program, system) = (folder.join("newel"), folder.join("system.bin"));
        let find = |configured: Option<&str>, variable: Option<&str>| {
            locate(configured.map(Path::new), variable.map(OsStr::new), Some(&program), &system)
        };
        assert_eq!(find(Some("a"), Some("b")).unwrap(), Path::new("a"));
        assert_eq!(find(None, Some("b")).unwrap(), Path::new("b"));
        let message = find(None, Some("")).unwrap_err().to_string();
        assert!(message.contains("aws-catalog.bin") && message.contains("catalog.path"), "{message}");
        std::fs::write(&system, "").unwrap();
        assert_eq!(find(None, None).unwrap(), system);
        std::fs::write(folder.join(FILE), "").unwrap();
        assert_eq!(find(None, None).unwrap(), folder.join(FILE));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

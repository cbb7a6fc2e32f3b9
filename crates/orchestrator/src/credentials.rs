//! The callers' credentials, from the files that the configuration names.

use std::path::Path;

use anyhow::Context as _;
use newel_api::{AccessKeys, ClientToken, Credentials, WorkerToken};
use newel_runtime::SecretFile;

use crate::Auth;

/// Reads what is configured. Nothing configured is no credentials, which only loopback addresses permit.
pub(crate) fn load(auth: &Auth) -> anyhow::Result<Credentials> {
    let access_keys = match &auth.access_keys_file {
        Some(path) => AccessKeys::load(path)?,
        None => AccessKeys::default(),
    };
    let client_token = |path| ClientToken {
        file: SecretFile::new(path),
        account: auth.client_token_account.as_deref().map(Into::into),
        region: auth.client_token_region.as_deref().map(Into::into),
    };
    let worker_tokens = match &auth.worker_tokens_dir {
        Some(directory) => worker_tokens(directory)
            .with_context(|| format!("`auth.worker_tokens_dir` {} can't be read", directory.display()))?,
        None => Vec::new(),
    };
    Ok(Credentials {
        access_keys,
        client_tokens: auth.client_token_file.iter().map(client_token).collect(),
        worker_tokens,
    })
}

/// A token for each file of the directory, named by its family. Hidden entries are how container platforms swap the
/// files of a volume: they are skipped.
fn worker_tokens(directory: &Path) -> anyhow::Result<Vec<WorkerToken>> {
    let mut tokens = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(family) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        // Through links: a mounted secret is one.
        if std::fs::metadata(entry.path())?.is_file() {
            tokens.push(WorkerToken { family: family.into(), file: SecretFile::new(entry.path()) });
        }
    }
    if tokens.is_empty() {
        anyhow::bail!("it has no tokens");
    }
    tokens.sort_by(|a, b| a.family.cmp(&b.family));
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_a_familys_token() {
        let directory = tempfile::tempdir().unwrap();
        let auth = Auth { worker_tokens_dir: Some(directory.path().to_owned()), ..Auth::default() };
        assert!(load(&auth).unwrap_err().to_string().contains("auth.worker_tokens_dir"));
        for (name, token) in [("glue", "g"), ("batch", "b"), ("..data", "hidden")] {
            std::fs::write(directory.path().join(name), token).unwrap();
        }
        let families = |auth| -> Vec<String> {
            let credentials = load(auth).unwrap();
            credentials.worker_tokens.iter().map(|token| token.family.to_string()).collect()
        };
        assert_eq!(families(&auth), ["batch", "glue"]);
        assert!(families(&Auth::default()).is_empty());
    }
}

//! The access keys file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use newel_asl::Timestamp;
use newel_asl::arn::is_region;
use newel_runtime::Secret;
use newel_value::Str;
use serde::Deserialize;

use super::is_account;
use crate::Error;

/// Access keys by their ids. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AccessKeys(Arc<HashMap<String, AccessKey>>);

/// One access key.
#[derive(Debug)]
pub(crate) struct AccessKey {
    /// What signatures are made with.
    pub(crate) secret: Secret,
    /// The account it acts for.
    pub(crate) account: Str,
    /// The regions it is good in; all if there are none.
    pub(crate) regions: Vec<String>,
    /// What requests made with temporary credentials must carry.
    pub(crate) session_token: Option<Secret>,
    /// When temporary credentials end.
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    access_keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    access_key_id: String,
    secret_access_key: String,
    account: String,
    #[serde(default)]
    regions: Vec<String>,
    session_token: Option<String>,
    expires_at: Option<String>,
}

impl AccessKeys {
    /// Reads keys from a TOML file of `[[access_keys]]` tables: `access_key_id`, `secret_access_key` and `account` (12
    /// digits), and if wanted `regions` (all if absent), `session_token` and `expires_at` (RFC 3339).
    ///
    /// # Errors
    /// The file can't be read, isn't such a file, or has no keys: a file that is there is meant to lock the door.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let failed = |reason: String| Error::AccessKeys { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text).map_err(failed)
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The parser's own message would quote the line, and so perhaps a secret.
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if file.access_keys.is_empty() {
            return Err("it has no access keys".to_owned());
        }
        let mut keys = HashMap::with_capacity(file.access_keys.len());
        for entry in file.access_keys {
            let (id, key) = entry.checked()?;
            if keys.insert(id.clone(), key).is_some() {
                return Err(format!("access key {id} is there twice"));
            }
        }
        Ok(Self(Arc::new(keys)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&AccessKey> {
        self.0.get(id)
    }
}

impl Entry {
    fn checked(self) -> Result<(String, AccessKey), String> {
        let id = self.access_key_id;
        if id.is_empty() || id.contains('/') || self.secret_access_key.is_empty() {
            return Err(format!("access key '{id}' needs an id without '/' and a secret"));
        }
        if !is_account(&self.account) {
            return Err(format!("account of access key {id} is not 12 digits"));
        }
        if let Some(region) = self.regions.iter().find(|region| !is_region(region)) {
            return Err(format!("'{region}' of access key {id} is no region"));
        }
        let expires_at = match self.expires_at {
            Some(text) => {
                Some(Timestamp::parse(&text).ok_or(format!("expires_at of access key {id} is no time"))?)
            }
            None => None,
        };
        let key = AccessKey {
            secret: Secret::new(self.secret_access_key),
            account: self.account.into(),
            regions: self.regions,
            session_token: self.session_token.map(Secret::new),
            expires_at,
        };
        Ok((id, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = AccessKeys::parse(text).unwrap_err();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("hush"), "a message tells the secret: {error}");
    }

    fn key(rest: &str) -> String {
        format!("[[access_keys]]\naccess_key_id='AKID'\nsecret_access_key='hush'\n{rest}\n")
    }

    #[test]
    fn a_good_file_is_read() {
        let text = key("account='111122223333'\nregions=['eu-west-1']\nexpires_at='2030-01-01T00:00:00Z'");
        let keys = AccessKeys::parse(&text).unwrap();
        let found = keys.get("AKID").unwrap();
        assert_eq!((&*found.account, found.regions.len()), ("111122223333", 1));
        assert!(found.expires_at.is_some() && keys.get("akid").is_none());
        assert!(!format!("{keys:?}").contains("hush"));
    }

    #[test]
    fn a_bad_file_is_refused_without_telling_secrets() {
        refused("access_keys=[]", "no access keys");
        refused("", "access_keys");
        refused(&key("account='12'"), "not 12 digits");
        refused(&key("account='111122223333'\nregions=['X!']"), "no region");
        refused(&key("account='111122223333'\nexpires_at='soon'"), "no time");
        refused(&key("account='111122223333'\nextra=1"), "extra");
        refused(&(key("account='111122223333'") + &key("account='111122223333'")), "twice");
        refused("[[access_keys]]\nsecret_access_key = 'hush\n", "");
    }
}

//! The file of master keys, read again when it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use crate::envelope::{KEY_BYTES, MasterKey};
use crate::fault::{Fault, KeyState, KeysFileError};

/// Whose keys are meant: names without an account are looked for among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner<'a> {
    /// The account, 12 digits.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

/// The keys of a file, as they are now.
#[derive(Debug)]
pub(crate) struct Keyring {
    file: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    version: Option<Version>,
    keys: Arc<Vec<Key>>,
}

/// What tells one content of a file from the next without reading it.
type Version = (SystemTime, u64);

/// A master key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) arn: String,
    aliases: Vec<String>,
    pub(crate) state: KeyState,
    /// The newest first: it wraps, and all of them unwrap.
    pub(crate) materials: Vec<MasterKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    arn: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    state: KeyState,
    material: Vec<String>,
}

impl Keyring {
    pub(crate) fn open(file: &Path) -> Result<Self, KeysFileError> {
        let version = version(file);
        let keys = Arc::new(read(file)?);
        Ok(Self { file: file.to_owned(), read: Mutex::new(Read { version, keys }) })
    }

    /// The key of that name, an ARN, an id or an alias, if the owner may use it. A key of another account is nobody's
    /// business, whatever it is called by.
    pub(crate) fn find(&self, name: &str, owner: Owner<'_>) -> Result<Usable, Fault> {
        let keys = self.current();
        let found = keys.iter().position(|key| key.is_of(owner.account) && key.is_called(name, owner.region));
        Usable::of(keys, found, name)
    }

    /// The key of that ARN, to open what it has sealed.
    pub(crate) fn by_arn(&self, arn: &str) -> Result<Usable, Fault> {
        let keys = self.current();
        let found = keys.iter().position(|key| key.arn == arn);
        Usable::of(keys, found, arn)
    }

    /// The keys that the file has now. One that can't be read keeps what it had, so that nothing stops while it is written.
    fn current(&self) -> Arc<Vec<Key>> {
        let mut last = self.read.lock();
        let version = version(&self.file);
        if version.is_some() && version != last.version {
            match read(&self.file) {
                Ok(keys) => last.keys = Arc::new(keys),
                Err(error) => tracing::error!(%error, "the keys stay as they were"),
            }
            last.version = version;
        }
        Arc::clone(&last.keys)
    }
}

/// A key that may be used, held while it is.
pub(crate) struct Usable {
    keys: Arc<Vec<Key>>,
    position: usize,
}

impl Usable {
    fn of(keys: Arc<Vec<Key>>, position: Option<usize>, name: &str) -> Result<Self, Fault> {
        let position = position.ok_or_else(|| Fault::Denied { key: name.to_owned() })?;
        match keys[position].state {
            KeyState::Enabled => Ok(Self { keys, position }),
            state => Err(Fault::State { key: name.to_owned(), state }),
        }
    }
}

impl std::ops::Deref for Usable {
    type Target = Key;

    fn deref(&self) -> &Key {
        &self.keys[self.position]
    }
}

impl Key {
    fn is_of(&self, account: &str) -> bool {
        self.part(4) == Some(account)
    }

    fn is_called(&self, name: &str, region: &str) -> bool {
        if name.starts_with("arn:") {
            let alias = name.rsplit_once(":alias/").map(|(home, alias)| (home, format!("alias/{alias}")));
            return self.arn == name
                || alias
                    .is_some_and(|(home, alias)| self.home() == Some(home) && self.aliases.contains(&alias));
        }
        let id = self.arn.rsplit_once(":key/").map(|(_, id)| id);
        self.part(3) == Some(region) && (id == Some(name) || self.aliases.iter().any(|alias| alias == name))
    }

    /// The ARN up to its account.
    fn home(&self) -> Option<&str> {
        self.arn.rsplit_once(":key/").map(|(home, _)| home)
    }

    fn part(&self, position: usize) -> Option<&str> {
        self.arn.split(':').nth(position)
    }
}

fn version(file: &Path) -> Option<Version> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(file: &Path) -> Result<Vec<Key>, KeysFileError> {
    let name = || file.display().to_string();
    let wrong = |why: String| KeysFileError::Wrong { file: name(), why };
    let text = std::fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(|source| KeysFileError::Unreadable { file: name(), source })?;
    // The parser's own display quotes the line, and some of its messages the value: either may be a key.
    let parsed: File = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        let names_a_field =
            ["unknown field", "missing field"].iter().any(|kind| error.message().starts_with(kind));
        let what = if names_a_field {
            error.message()
        } else {
            "what stands there isn't what the file should have there"
        };
        wrong(format!("line {line}: {what}"))
    })?;
    let keys: Vec<Key> =
        parsed.keys.into_iter().map(|entry| key(entry).map_err(wrong)).collect::<Result<_, _>>()?;
    for (position, key) in keys.iter().enumerate() {
        let before = &keys[..position];
        if before.iter().any(|other| other.arn == key.arn) {
            return Err(wrong(format!("the key {} is there twice", key.arn)));
        }
        let taken =
            |alias: &&String| before.iter().any(|b| b.home() == key.home() && b.aliases.contains(alias));
        if let Some(alias) = key.aliases.iter().find(taken) {
            return Err(wrong(format!("{alias} is there twice")));
        }
    }
    Ok(keys)
}

fn key(entry: Entry) -> Result<Key, String> {
    let Entry { arn, aliases, state, material } = entry;
    let material: Vec<Zeroizing<String>> = material.into_iter().map(Zeroizing::new).collect();
    let parts: Vec<&str> = arn.split(':').collect();
    let is_key = matches!(parts.as_slice(), ["arn", _, "kms", _, account, key]
        if account.len() == 12 && key.strip_prefix("key/").is_some_and(|id| !id.is_empty()));
    if !is_key || arn.len() > 2_048 {
        return Err(format!("{arn:?} isn't of the form arn:aws:kms:REGION:ACCOUNT:key/ID"));
    }
    if let Some(alias) = aliases.iter().find(|alias| !alias.starts_with("alias/")) {
        return Err(format!("{arn}: the alias {alias:?} doesn't begin with alias/"));
    }
    if material.is_empty() {
        return Err(format!("{arn}: `material` is empty"));
    }
    let materials = material.iter().map(|text| master(text)).collect::<Option<Vec<_>>>().ok_or_else(|| {
        format!("{arn}: every entry of `material` must be {KEY_BYTES} bytes as Base64: head -c {KEY_BYTES} /dev/urandom | base64")
    })?;
    Ok(Key { arn, aliases, state, materials })
}

fn master(text: &str) -> Option<MasterKey> {
    let mut bytes = BASE64.decode(text.trim()).ok()?;
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok().and_then(|key| MasterKey::new(key).ok());
    bytes.zeroize();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:us-east-1:000000000000:key/1234";
    const OWNER: Owner<'_> = Owner { account: "000000000000", region: "us-east-1" };

    fn material(byte: u8) -> String {
        BASE64.encode([byte; KEY_BYTES])
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.toml");
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn a_key_has_four_names_and_belongs_to_its_account() {
        let text =
            format!("[[keys]]\narn = '{ARN}'\naliases = ['alias/a']\nmaterial = ['{}']\n", material(1));
        let (_directory, path) = file(&text);
        let keys = Keyring::open(&path).unwrap();
        for name in [ARN, "1234", "alias/a", "arn:aws:kms:us-east-1:000000000000:alias/a"] {
            assert_eq!(keys.find(name, OWNER).map(|key| key.arn.clone()), Ok(ARN.to_owned()), "{name}");
            let other = Owner { account: "111111111111", ..OWNER };
            assert!(matches!(keys.find(name, other), Err(Fault::Denied { .. })), "{name}");
        }
        let elsewhere = Owner { region: "eu-west-1", ..OWNER };
        assert!(keys.find(ARN, elsewhere).is_ok() && keys.find("alias/a", elsewhere).is_err());
        assert!(keys.find("alias/b", OWNER).is_err() && keys.find("", OWNER).is_err());
    }

    #[test]
    fn the_file_is_read_again_when_it_changes() {
        let entry = |state: &str| {
            format!("[[keys]]\narn = '{ARN}'\nstate = '{state}'\nmaterial = ['{}']\n", material(1))
        };
        let (_directory, path) = file(&entry("ENABLED"));
        let keys = Keyring::open(&path).unwrap();
        assert!(keys.by_arn(ARN).is_ok());
        std::fs::write(&path, entry("PENDING_DELETION")).unwrap();
        let state = KeyState::PendingDeletion;
        assert_eq!(keys.by_arn(ARN).err(), Some(Fault::State { key: ARN.to_owned(), state }));
        std::fs::write(&path, "half a file [").unwrap();
        assert!(matches!(keys.by_arn(ARN), Err(Fault::State { .. })));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(keys.by_arn(ARN), Err(Fault::Denied { .. })));
    }

    #[test]
    fn what_is_wrong_is_told_without_showing_keys() {
        let secret = material(7);
        for (text, expect) in [
            (format!("[[keys]]\narn = 'x'\nmaterial = ['{secret}']"), "isn't of the form"),
            (format!("[[keys]]\narn = '{ARN}'\nmaterial = ['{secret}A']"), "32 bytes as Base64"),
            (format!("[[keys]]\narn = '{ARN}'\nmaterial = []"), "`material` is empty"),
            (format!("[[keys]]\narn = '{ARN}'\nmaterial = '{secret}'"), "line 3"),
            (format!("[[keys]]\narn = '{ARN}'\nmaterial = [{secret}]"), "line 3"),
            (format!("[[keys]]\narn = '{ARN}'\nstate = '{secret}'\nmaterial = []"), "line 3"),
            (format!("[[keys]]\narn = '{ARN}'\nkey = '{secret}'\nmaterial = []"), "unknown field"),
            (
                format!("[[keys]]\narn = '{ARN}'\naliases = ['a']\nmaterial = ['{secret}']"),
                "begin with alias/",
            ),
            (format!("[[keys]]\narn = '{ARN}'\nmaterial = ['{secret}']\n").repeat(2), "is there twice"),
        ] {
            let (_directory, path) = file(&text);
            let error = Keyring::open(&path).unwrap_err().to_string();
            assert!(error.contains(expect) && !error.contains(&secret[..20]), "{text}: {error}");
        }
    }
}

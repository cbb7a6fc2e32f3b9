//! Sealing and opening, with the data keys that are in use.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::envelope::{DataKey, Parts, SealingKey};
use crate::fault::{Fault, KeysFileError};
use crate::keyring::{Keyring, Owner};

/// Data keys that stay in memory, of each kind.
const DATA_KEYS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// How long an opened data key opens more without a look at its master key, in milliseconds: AWS's default reuse period.
const OPEN_FOR_MILLIS: i64 = 300_000;

/// Section `[encryption]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// TOML file of `[[keys]]` tables with `arn`, `material` (a list of 32 bytes as Base64, the newest first) and if wanted
    /// `aliases` and `state`. Read again when it changes. Without it there are no customer managed keys.
    pub keys_file: Option<PathBuf>,
    /// The key of what has no other: an ARN. Without it what has no customer managed key is not encrypted.
    pub default_key: Option<String>,
}

/// Under which key something is to be sealed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sealing {
    /// The key as the user named it: an ARN, an id or an alias.
    pub key: Arc<str>,
    /// Whose: account and region.
    pub owner: (Arc<str>, Arc<str>),
    /// The encryption context, `name=value`.
    pub context: Arc<str>,
    /// For how long a data key seals, in seconds.
    pub reuse_seconds: u32,
}

impl Sealing {
    fn owner(&self) -> Owner<'_> {
        Owner { account: &self.owner.0, region: &self.owner.1 }
    }
}

/// The keys of a process. `now` is always milliseconds of a clock that all calls share.
pub struct Vault {
    keyring: Option<Keyring>,
    default_key: Option<Arc<str>>,
    sealing: Mutex<LruCache<Sealing, Timed<SealingKey>>>,
    opening: Mutex<LruCache<Vec<u8>, Timed<DataKey>>>,
}

/// A data key and the instant until which it is used.
type Timed<K> = (Arc<K>, i64);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("default_key", &self.default_key).finish_non_exhaustive()
    }
}

impl Default for Vault {
    /// A vault without keys.
    fn default() -> Self {
        Self::with(None, None)
    }
}

impl Vault {
    fn with(keyring: Option<Keyring>, default_key: Option<Arc<str>>) -> Self {
        let (sealing, opening) = (LruCache::new(DATA_KEYS), LruCache::new(DATA_KEYS));
        Self { keyring, default_key, sealing: Mutex::new(sealing), opening: Mutex::new(opening) }
    }

    /// The vault that the options describe.
    ///
    /// # Errors
    /// The file can't be read or is wrong, or hasn't the default key.
    pub fn open(options: &Options) -> Result<Self, KeysFileError> {
        let keyring = options.keys_file.as_deref().map(Keyring::open).transpose()?;
        let default_key: Option<Arc<str>> = options.default_key.as_deref().map(Arc::from);
        if let Some(key) = &default_key {
            let missing = || Err(Fault::Denied { key: key.to_string() });
            let usable = keyring.as_ref().map_or_else(missing, |keyring| keyring.by_arn(key));
            usable.map_err(KeysFileError::DefaultKey)?;
        }
        Ok(Self::with(keyring, default_key))
    }

    /// The key of what has no other, if there is one.
    #[must_use]
    pub fn default_key(&self) -> Option<&Arc<str>> {
        self.default_key.as_ref()
    }

    /// Whether a key may be used, as whoever names it for later use wants to know.
    ///
    /// # Errors
    /// There is no such key of the owner's, or it is in a state in which it isn't used.
    pub fn check(&self, key: &str, owner: Owner<'_>) -> Result<(), Fault> {
        self.keyring(key)?.find(key, owner).map(drop)
    }

    /// Seals a record that belongs to `place`; what is given back begins with `prefix`, which isn't encrypted.
    ///
    /// # Errors
    /// The key can't be used: nothing is sealed then.
    pub fn seal(
        &self,
        sealing: &Sealing,
        place: &[u8],
        prefix: &[u8],
        record: &[u8],
        now: i64,
    ) -> Result<Vec<u8>, Fault> {
        self.sealing_key(sealing, now)?.seal(prefix, record, place)
    }

    /// Whether anything could be sealed now.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn check_sealing(&self, sealing: &Sealing, now: i64) -> Result<(), Fault> {
        self.sealing_key(sealing, now).map(drop)
    }

    /// Opens a sealed record, without the prefix that it was given.
    ///
    /// # Errors
    /// The key can't be used, or the record isn't what was sealed for that place.
    pub fn open_record(&self, sealed: &[u8], place: &[u8], now: i64) -> Result<Vec<u8>, Fault> {
        let parts = Parts::of(sealed)?;
        self.data_key(&parts, now)?.open(&parts, place)
    }

    fn keyring(&self, key: &str) -> Result<&Keyring, Fault> {
        self.keyring.as_ref().ok_or_else(|| Fault::Denied { key: key.to_owned() })
    }

    fn sealing_key(&self, sealing: &Sealing, now: i64) -> Result<Arc<SealingKey>, Fault> {
        let mut keys = self.sealing.lock();
        if let Some((key, until)) = keys.get(sealing)
            && now < *until
            && !key.is_spent()
        {
            return Ok(Arc::clone(key));
        }
        keys.pop(sealing);
        let keyring = self.keyring(&sealing.key)?;
        let master = if Some(&sealing.key) == self.default_key.as_ref() {
            keyring.by_arn(&sealing.key)?
        } else {
            keyring.find(&sealing.key, sealing.owner())?
        };
        let newest = master.materials.first().ok_or(Fault::Unable("the key has no material"))?;
        let key = Arc::new(SealingKey::new(newest, &master.arn, &sealing.context)?);
        let until = now.saturating_add(i64::from(sealing.reuse_seconds) * 1_000);
        keys.put(sealing.clone(), (Arc::clone(&key), until));
        Ok(key)
    }

    fn data_key(&self, parts: &Parts<'_>, now: i64) -> Result<Arc<DataKey>, Fault> {
        // The wrapped key alone wouldn't do: what it was bound to must be what this record says.
        let cached = [parts.wrapped, &parts.bound()].concat();
        let mut keys = self.opening.lock();
        if let Some((key, until)) = keys.get(&cached)
            && now < *until
        {
            return Ok(Arc::clone(key));
        }
        keys.pop(&cached);
        let master = self.keyring(parts.arn)?.by_arn(parts.arn)?;
        let material = master.materials.iter().find(|material| material.has_wrapped(parts.wrapped));
        let material =
            material.ok_or(Fault::Damaged("the key's material that it was sealed under is gone"))?;
        let key = Arc::new(material.unwrap(parts.wrapped, &parts.bound())?);
        keys.put(cached, (Arc::clone(&key), now.saturating_add(OPEN_FOR_MILLIS)));
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;
    use crate::fault::KeyState;

    const ARN: &str = "arn:aws:kms:us-east-1:000000000000:key/1234";
    const DEFAULT: &str = "arn:aws:kms:us-east-1:999999999999:key/server";

    struct Fixture {
        file: tempfile::NamedTempFile,
    }

    impl Fixture {
        fn new() -> Self {
            let fixture = Self { file: tempfile::NamedTempFile::new().unwrap() };
            fixture.write(&[1], "ENABLED");
            fixture
        }

        /// The keys file, with these materials of the user's key.
        fn write(&self, materials: &[u8], state: &str) {
            let base64 = base64::engine::general_purpose::STANDARD;
            let materials: Vec<String> = materials.iter().map(|byte| base64.encode([*byte; 32])).collect();
            let server = base64.encode([99; 32]);
            let text = format!(
                "[[keys]]\narn = '{ARN}'\nstate = '{state}'\naliases = ['alias/a']\nmaterial = {materials:?}\n\
                 [[keys]]\narn = '{DEFAULT}'\nmaterial = ['{server}']\n"
            );
            std::fs::write(self.file.path(), text).unwrap();
        }

        fn open(&self) -> Vault {
            let default_key = Some(DEFAULT.to_owned());
            Vault::open(&Options { keys_file: Some(self.file.path().to_owned()), default_key }).unwrap()
        }
    }

    fn sealing(key: &str) -> Sealing {
        Sealing {
            key: key.into(),
            owner: ("000000000000".into(), "us-east-1".into()),
            context: "aws:states:stateMachineArn=arn:m".into(),
            reuse_seconds: 60,
        }
    }

    fn sealed(vault: &Vault, key: &str, now: i64) -> Vec<u8> {
        vault.seal(&sealing(key), b"place", b"", b"a secret", now).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let vault = Fixture::new().open();
        for key in [ARN, "alias/a", DEFAULT] {
            let record = sealed(&vault, key, 0);
            assert!(!record.windows(6).any(|window| window == b"secret"));
            assert_eq!(vault.open_record(&record, b"place", 0).unwrap(), b"a secret");
            assert!(matches!(vault.open_record(&record, b"elsewhere", 0), Err(Fault::Damaged(_))));
        }
    }

    #[test]
    fn every_change_and_every_cut_is_noticed() {
        let vault = Fixture::new().open();
        let record = sealed(&vault, ARN, 0);
        for at in 0..record.len() {
            let mut changed = record.clone();
            changed[at] ^= 1;
            assert!(vault.open_record(&changed, b"place", 0).is_err(), "byte {at} changed");
            assert!(vault.open_record(&record[..at], b"place", 0).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_data_key_is_reused_for_its_period_and_no_nonce_twice() {
        let vault = Fixture::new().open();
        let (first, second, later) =
            (sealed(&vault, ARN, 0), sealed(&vault, ARN, 59_999), sealed(&vault, ARN, 60_000));
        let wrapped = |record: &[u8]| Parts::of(record).unwrap().wrapped.to_vec();
        assert_eq!(wrapped(&first), wrapped(&second));
        assert_ne!(wrapped(&first), wrapped(&later));
        assert_ne!(first, second);
    }

    #[test]
    fn a_rotated_key_opens_what_its_older_material_has_sealed() {
        let fixture = Fixture::new();
        let before = sealed(&fixture.open(), ARN, 0);
        fixture.write(&[2, 1], "ENABLED");
        let vault = fixture.open();
        assert_eq!(vault.open_record(&before, b"place", 0).unwrap(), b"a secret");
        let after = sealed(&vault, ARN, 0);
        fixture.write(&[2], "ENABLED");
        let vault = fixture.open();
        assert_eq!(vault.open_record(&after, b"place", 0).unwrap(), b"a secret");
        assert!(matches!(vault.open_record(&before, b"place", 0), Err(Fault::Damaged(_))));
    }

    #[test]
    fn a_key_that_is_switched_off_is_noticed_within_the_reuse_period() {
        let fixture = Fixture::new();
        let vault = fixture.open();
        let record = sealed(&vault, ARN, 0);
        vault.open_record(&record, b"place", 0).unwrap();
        fixture.write(&[1], "DISABLED");
        assert!(vault.seal(&sealing(ARN), b"", b"", b"", 59_999).is_ok());
        let off = |key: &str| Fault::State { key: key.to_owned(), state: KeyState::Disabled };
        assert_eq!(vault.seal(&sealing(ARN), b"", b"", b"", 60_000), Err(off(ARN)));
        assert_eq!(vault.open_record(&record, b"place", OPEN_FOR_MILLIS), Err(off(ARN)));
        let owner = Owner { account: "000000000000", region: "us-east-1" };
        assert_eq!(vault.check("alias/a", owner), Err(off("alias/a")));
    }

    #[test]
    fn without_its_key_nothing_is_sealed_or_opened() {
        let record = sealed(&Fixture::new().open(), ARN, 0);
        let none = Vault::default();
        assert_eq!(none.open_record(&record, b"place", 0), Err(Fault::Denied { key: ARN.to_owned() }));
        assert!(matches!(none.seal(&sealing("alias/a"), b"", b"", b"", 0), Err(Fault::Denied { .. })));
        let options = Options { keys_file: None, default_key: Some(DEFAULT.to_owned()) };
        assert!(matches!(Vault::open(&options), Err(KeysFileError::DefaultKey(_))));
    }
}

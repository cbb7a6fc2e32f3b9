//! The bytes: a data key wrapped by a master key, a record sealed under a data key. Both are AES-256-GCM.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::fault::Fault;

pub(crate) const KEY_BYTES: usize = 32;
const TAG: usize = 16;
/// Enough of a digest to tell the materials of one key apart.
const FINGERPRINT: usize = 8;
const WRAPPED: usize = FINGERPRINT + NONCE_LEN + KEY_BYTES + TAG;
/// What one data key may seal: far below where AES-GCM's bounds are, far above what a reuse period needs.
const MOST_RECORDS: u64 = 1 << 32;

fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, Fault> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| Fault::Unable("a key can't be used"))
}

/// One material of a master key.
pub(crate) struct MasterKey {
    cipher: LessSafeKey,
    fingerprint: [u8; FINGERPRINT],
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey").finish_non_exhaustive()
    }
}

impl MasterKey {
    pub(crate) fn new(bytes: [u8; KEY_BYTES]) -> Result<Self, Fault> {
        let bytes = Zeroizing::new(bytes);
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.copy_from_slice(&digest(&SHA256, &*bytes).as_ref()[..FINGERPRINT]);
        Ok(Self { cipher: cipher(&bytes)?, fingerprint })
    }

    /// Whether it has wrapped that data key.
    pub(crate) fn has_wrapped(&self, wrapped: &[u8]) -> bool {
        wrapped.starts_with(&self.fingerprint)
    }

    /// A new data key, with what is to be kept of it. The nonce is random: few data keys are made under a master key.
    fn generate(&self, context: &[u8]) -> Result<(LessSafeKey, Vec<u8>), Fault> {
        let mut random = Zeroizing::new([0; KEY_BYTES + NONCE_LEN]);
        rand::fill(&mut *random).map_err(|_| Fault::Unable("the system gives no randomness"))?;
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        bytes.copy_from_slice(&random[..KEY_BYTES]);
        let nonce = &random[KEY_BYTES..];
        let mut sealed = bytes.to_vec();
        seal_in_place(&self.cipher, nonce, context, &mut sealed)?;
        let wrapped = [self.fingerprint.as_slice(), nonce, sealed.as_slice()].concat();
        Ok((cipher(&bytes)?, wrapped))
    }

    /// The data key that was wrapped.
    pub(crate) fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<DataKey, Fault> {
        let foreign = Fault::Damaged("its data key wasn't wrapped by this master key");
        let (nonce, sealed) = match wrapped.strip_prefix(&self.fingerprint) {
            Some(rest) if wrapped.len() == WRAPPED => rest.split_at(NONCE_LEN),
            _ => return Err(foreign),
        };
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let bytes = open_in_place(&self.cipher, nonce, context, &mut sealed).ok_or(foreign)?;
        let bytes =
            Zeroizing::new(<[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| Fault::Damaged("its data key"))?);
        Ok(DataKey(cipher(&bytes)?))
    }
}

/// A data key that opens.
pub(crate) struct DataKey(LessSafeKey);

impl DataKey {
    /// What was sealed. `bound` must be what it was at sealing.
    pub(crate) fn open(&self, sealed: &Parts<'_>, place: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut record = sealed.sealed.to_vec();
        let length = open_in_place(&self.0, sealed.nonce, &bound(sealed.header, place), &mut record)
            .ok_or(Fault::Damaged("it was changed, or belongs elsewhere"))?
            .len();
        record.truncate(length);
        Ok(record)
    }
}

/// A data key that seals.
pub(crate) struct SealingKey {
    cipher: LessSafeKey,
    /// What every record under it begins with.
    header: Vec<u8>,
    sealed: AtomicU64,
}

impl SealingKey {
    /// A new one.
    pub(crate) fn new(master: &MasterKey, arn: &str, context: &str) -> Result<Self, Fault> {
        let (cipher, wrapped) = master.generate(&bound(arn.as_bytes(), context.as_bytes()))?;
        let mut header = Vec::with_capacity(6 + arn.len() + context.len() + wrapped.len());
        for part in [arn.as_bytes(), context.as_bytes(), &wrapped] {
            let length = u16::try_from(part.len()).map_err(|_| Fault::Unable("a name is too long"))?;
            header.extend_from_slice(&length.to_be_bytes());
            header.extend_from_slice(part);
        }
        Ok(Self { cipher, header, sealed: AtomicU64::new(0) })
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.sealed.load(Ordering::Relaxed) >= MOST_RECORDS
    }

    /// The record, sealed, behind `prefix`.
    pub(crate) fn seal(&self, prefix: &[u8], record: &[u8], place: &[u8]) -> Result<Vec<u8>, Fault> {
        let number = self.sealed.fetch_add(1, Ordering::Relaxed);
        if number >= MOST_RECORDS {
            return Err(Fault::Unable("a data key is spent"));
        }
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
        let mut sealed = record.to_vec();
        seal_in_place(&self.cipher, &nonce, &bound(&self.header, place), &mut sealed)?;
        Ok([prefix, self.header.as_slice(), nonce.as_slice(), sealed.as_slice()].concat())
    }
}

/// The parts of a sealed record.
pub(crate) struct Parts<'a> {
    pub(crate) arn: &'a str,
    pub(crate) context: &'a str,
    pub(crate) wrapped: &'a [u8],
    header: &'a [u8],
    nonce: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn of(record: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = record;
        let mut part = || {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (part, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            rest = behind;
            Some(part)
        };
        let cut = Fault::Damaged("it ends early");
        let (Some(arn), Some(context), Some(wrapped)) = (part(), part(), part()) else { return Err(cut) };
        let header = &record[..record.len() - rest.len()];
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or(cut)?;
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Fault::Damaged("a name in it is no text"));
        Ok(Self { arn: text(arn)?, context: text(context)?, wrapped, header, nonce, sealed })
    }

    /// What its data key was wrapped with.
    pub(crate) fn bound(&self) -> Vec<u8> {
        bound(self.arn.as_bytes(), self.context.as_bytes())
    }
}

/// Two texts as one that no other two make.
fn bound(first: &[u8], second: &[u8]) -> Vec<u8> {
    [&(first.len() as u64).to_be_bytes(), first, second].concat()
}

fn seal_in_place(key: &LessSafeKey, nonce: &[u8], aad: &[u8], record: &mut Vec<u8>) -> Result<(), Fault> {
    let failed = |_| Fault::Unable("the cipher refused");
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(failed)?;
    key.seal_in_place_append_tag(nonce, Aad::from(aad), record).map_err(failed)
}

fn open_in_place<'a>(key: &LessSafeKey, nonce: &[u8], aad: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    key.open_in_place(nonce, Aad::from(aad), sealed).ok().map(|opened| &*opened)
}

//! The form of a backup: one file that says what it is, holds the database, and proves that it is whole.
//!
//! It is a sequence of zstd frames, so `zstd -d` makes the SQLite database out of it without Newel: a skippable frame with
//! the [`Manifest`], a frame with the database, a skippable frame with the SHA-256 of all bytes before it.

use std::io::{self, Read, Take, Write};

use newel_asl::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The first of the sixteen magic numbers of frames that zstd skips.
const SKIPPABLE: u32 = 0x184D_2A50;
/// What the manifest's frame begins with: `newel backup` and the version of this format.
const SIGNATURE: &[u8] = b"newel backup 1\n";
/// Above any manifest that was ever written.
const LONGEST_MANIFEST: usize = 64 << 10;
const DIGEST: usize = 32;
/// A skippable frame's magic number and length.
const HEADER: usize = 8;
/// The whole of the last frame.
const TRAILER: u64 = (HEADER + DIGEST) as u64;
/// As fast as the disk on most machines, at half the size or less.
const LEVEL: i32 = 3;
const CHUNK: usize = 256 << 10;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The release that made the backup.
    pub release: String,
    /// When the state of the database is from, as RFC 3339.
    pub taken_at: String,
    /// The version of the database's schema.
    pub schema_version: u32,
    /// The number of logical shards.
    pub shard_count: u32,
    /// The size of the database, in bytes.
    pub database_bytes: u64,
}

impl Manifest {
    pub(super) fn new(
        taken_at: Timestamp,
        schema_version: u32,
        shard_count: u32,
        database_bytes: u64,
    ) -> Self {
        Self {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at: taken_at.to_string(),
            schema_version,
            shard_count,
            database_bytes,
        }
    }
}

/// Writes an archive of the database that `database` reads. `copied` is told the bytes that are done.
pub(super) fn write(
    out: &mut impl Write,
    manifest: &Manifest,
    database: &mut impl Read,
    copied: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let mut out = Digesting::new(out);
    let mut about = SIGNATURE.to_vec();
    serde_json::to_writer(&mut about, manifest)?;
    out.write_all(&header(about.len())?)?;
    out.write_all(&about)?;
    let mut packer = zstd::stream::write::Encoder::new(&mut out, LEVEL)?;
    packer.include_checksum(true)?;
    copy(database, &mut packer, copied)?;
    packer.finish()?;
    let (out, digest) = out.finish();
    out.write_all(&header(DIGEST)?)?;
    out.write_all(&digest)?;
    out.flush()
}

/// An archive that is being read.
pub(super) struct Archive<R> {
    body: Digesting<Take<R>>,
    manifest: Manifest,
}

impl<R: Read> Archive<R> {
    /// Begins to read an archive of that many bytes.
    pub(super) fn open(archive: R, bytes: u64) -> io::Result<Self> {
        let body = bytes.checked_sub(TRAILER).ok_or_else(|| damaged("it is too short"))?;
        let mut body = Digesting::new(archive.take(body));
        let manifest = read_manifest(&mut body)?;
        Ok(Self { body, manifest })
    }

    /// What it says of itself, which isn't proved before [`Self::unpack`] has ended well.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes the database out, and fails if the archive isn't whole. `copied` is told the bytes that are done.
    pub(super) fn unpack(mut self, out: &mut impl Write, copied: &mut dyn FnMut(u64)) -> io::Result<()> {
        let expected = self.manifest.database_bytes;
        let unpacker = zstd::stream::read::Decoder::new(&mut self.body)?;
        // One byte more than there should be tells that there is more.
        let mut database = unpacker.take(expected.saturating_add(1));
        let unpacked = copy(&mut database, out, copied).map_err(told_apart)?;
        if unpacked != expected {
            return Err(damaged("the database in it hasn't the length that its manifest says"));
        }
        let (body, digest) = self.body.finish();
        if body.limit() > 0 {
            return Err(damaged("there is something behind the database"));
        }
        let mut trailer = [0; HEADER + DIGEST];
        body.into_inner().read_exact(&mut trailer)?;
        if trailer[..HEADER] != header(DIGEST)? || trailer[HEADER..] != digest {
            return Err(damaged("its checksum doesn't fit its content"));
        }
        Ok(())
    }
}

fn read_manifest(archive: &mut impl Read) -> io::Result<Manifest> {
    let foreign = || damaged("it isn't a backup that this release can read");
    let mut head = [0; HEADER];
    archive.read_exact(&mut head).map_err(|_| foreign())?;
    let [m0, m1, m2, m3, l0, l1, l2, l3] = head;
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if u32::from_le_bytes([m0, m1, m2, m3]) != SKIPPABLE || length > LONGEST_MANIFEST {
        return Err(foreign());
    }
    let mut about = vec![0; length];
    archive.read_exact(&mut about)?;
    let about = about.strip_prefix(SIGNATURE).ok_or_else(foreign)?;
    serde_json::from_slice(about).map_err(|why| damaged(&format!("its manifest can't be read: {why}")))
}

fn header(length: usize) -> io::Result<[u8; HEADER]> {
    let length = u32::try_from(length).map_err(io::Error::other)?;
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&SKIPPABLE.to_le_bytes());
    header[4..].copy_from_slice(&length.to_le_bytes());
    Ok(header)
}

/// What zstd finds wrong isn't an error of the system's.
fn told_apart(error: io::Error) -> io::Error {
    if error.raw_os_error().is_none() { damaged(&error.to_string()) } else { error }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn copy(from: &mut impl Read, to: &mut impl Write, copied: &mut dyn FnMut(u64)) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(done),
            read => {
                to.write_all(&chunk[..read])?;
                done += read as u64;
                copied(done);
            }
        }
    }
}

/// A reader or writer that keeps the digest of what went through it.
struct Digesting<T> {
    inner: T,
    digest: Sha256,
}

impl<T> Digesting<T> {
    fn new(inner: T) -> Self {
        Self { inner, digest: Sha256::new() }
    }

    fn finish(self) -> (T, [u8; DIGEST]) {
        (self.inner, self.digest.finalize().into())
    }
}

impl<T: Read> Read for Digesting<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

impl<T: Write> Write for Digesting<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(database: &[u8]) -> Vec<u8> {
        let manifest = Manifest::new(Timestamp::from_millis(0), 2, 16, database.len() as u64);
        let mut archive = Vec::new();
        write(&mut archive, &manifest, &mut &database[..], &mut |_| {}).unwrap();
        archive
    }

    fn unpacked(archive: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Archive::open(archive, archive.len() as u64)?.unpack(&mut out, &mut |_| {})?;
        Ok(out)
    }

    #[test]
    fn what_was_packed_is_unpacked_and_zstd_alone_does_too() {
        let database: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
        let archive = packed(&database);
        assert_eq!(unpacked(&archive).unwrap(), database);
        assert_eq!(zstd::stream::decode_all(&archive[..]).unwrap(), database);
    }

    #[test]
    fn any_change_and_any_cut_is_noticed() {
        let archive = packed(b"a database, let us say");
        for at in 0..archive.len() {
            let mut changed = archive.clone();
            changed[at] ^= 0x10;
            assert!(unpacked(&changed).is_err(), "byte {at} changed");
            assert!(unpacked(&archive[..at]).is_err(), "cut at {at}");
        }
        assert!(unpacked(b"SQLite format 3\0 and no backup at all, whatever else it may be").is_err());
    }
}

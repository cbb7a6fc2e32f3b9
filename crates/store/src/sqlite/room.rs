//! Whether there is room for more.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Watches the free space of the volume and of the database's own limit.
///
/// "No" comes while there is still a reserve, so that the work that is open can go on and be deleted; "yes" comes back
/// only with a quarter of the reserve more than that, so that the answer doesn't flap.
#[derive(Debug)]
pub(super) struct Room {
    dir: PathBuf,
    /// Free bytes of the volume below which there is no room.
    volume_reserve: u64,
    /// The database's limit in bytes, and the part of it that is its reserve.
    limit: Option<(u64, u64)>,
    /// Bytes of the database that hold something.
    used: AtomicU64,
    full: AtomicBool,
}

impl Room {
    pub(super) fn new(dir: &Path, volume_reserve: u64, max_bytes: Option<u64>) -> Self {
        Self {
            dir: dir.to_path_buf(),
            volume_reserve,
            limit: max_bytes.map(|limit| (limit, limit / 8)),
            used: AtomicU64::new(0),
            full: AtomicBool::new(false),
        }
    }

    /// Whether the database has a limit of its own, and so [`Self::set_used`] matters.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    pub(super) fn set_used(&self, bytes: u64) {
        self.used.store(bytes, Ordering::Relaxed);
    }

    /// A commit was refused for want of room.
    pub(super) fn ran_out(&self) {
        self.full.store(true, Ordering::Relaxed);
    }

    /// Whether new work should be taken on.
    pub(super) fn is_there(&self) -> bool {
        let full = if self.full.load(Ordering::Relaxed) {
            !self.exceeds_reserve(true)
        } else {
            !self.exceeds_reserve(false)
        };
        if self.full.swap(full, Ordering::Relaxed) != full {
            tracing::warn!(full, "whether the store is full has changed");
        }
        !full
    }

    fn exceeds_reserve(&self, comfortably: bool) -> bool {
        let wanted = |reserve: u64| if comfortably { reserve.saturating_add(reserve / 4) } else { reserve };
        let in_limit = self.limit.is_none_or(|(limit, reserve)| {
            limit.saturating_sub(self.used.load(Ordering::Relaxed)) >= wanted(reserve)
        });
        in_limit && self.volume_free().is_none_or(|free| free >= wanted(self.volume_reserve))
    }

    /// Free bytes of the volume, if it tells.
    fn volume_free(&self) -> Option<u64> {
        let volume = rustix::fs::statvfs(&self.dir).ok()?;
        Some(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_no_at_the_reserve_and_yes_again_a_quarter_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::new(dir.path(), 0, Some(8_000));
        for (used, expect) in [
            (0, true),
            (7_000, true),
            (7_001, false),
            (6_999, false),
            (6_751, false),
            (6_750, true),
            (7_000, true),
        ] {
            room.set_used(used);
            assert_eq!(room.is_there(), expect, "{used}");
        }
    }

    #[test]
    fn watches_the_volume() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Room::new(dir.path(), 1, None).is_there());
        assert!(!Room::new(dir.path(), u64::MAX, None).is_there());
    }
}

//! A small map that forgets what was used longest ago.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// At most `capacity` entries. Finding the oldest is a scan, which only an insertion into a full map pays.
#[derive(Debug)]
pub(super) struct Lru<K, V> {
    entries: FxHashMap<K, (u64, V)>,
    capacity: usize,
    clock: u64,
}

impl<K: Eq + Hash + Clone, V: Clone> Lru<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: FxHashMap::default(), capacity, clock: 0 }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        self.clock += 1;
        let (used, value) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(value.clone())
    }

    /// Inserts unless another was quicker; the value that is there now.
    pub(super) fn get_or_insert(&mut self, key: K, value: V) -> V {
        if let Some(present) = self.get(&key) {
            return present;
        }
        if self.entries.len() >= self.capacity
            && let Some(oldest) =
                self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
        {
            self.entries.remove(&oldest);
        }
        self.entries.insert(key, (self.clock, value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(2);
        lru.get_or_insert("a", 1);
        lru.get_or_insert("b", 2);
        assert_eq!(lru.get(&"a"), Some(1));
        assert_eq!(lru.get_or_insert("a", 9), 1);
        lru.get_or_insert("c", 3);
        assert_eq!((lru.get(&"a"), lru.get(&"b"), lru.get(&"c")), (Some(1), None, Some(3)));
    }
}

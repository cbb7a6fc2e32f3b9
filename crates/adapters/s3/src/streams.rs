//! Files that were read up to somewhere and will most likely be read on from there.
//!
//! Without them reading on would only be dearer: a plain file is opened in the middle, a packed one is read from its start again.

use std::sync::Arc;

use newel_worker::Identity;
use parking_lot::Mutex;

use crate::objects::{ObjectRef, Objects, Outcome};
use crate::parquet::Readers;
use crate::tape::Tape;

/// Files that are kept. Each holds a window of bytes and, if it is packed, what unpacking it needs.
const KEPT: usize = 32;

/// Which file, and up to where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    identity: Identity,
    object: ObjectRef,
    etag: Option<Arc<str>>,
    position: u64,
}

/// The files, those that were read last at the end.
#[derive(Default)]
pub(crate) struct Streams {
    kept: Mutex<Vec<(Place, Tape)>>,
    /// Those that aren't read from front to back.
    pub(crate) parquet: Readers,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams")
            .field("kept", &self.kept.lock().len())
            .field("parquet", &self.parquet)
            .finish()
    }
}

impl Streams {
    /// A file at a position, kept or opened.
    pub(crate) async fn at(
        &self,
        objects: &Arc<dyn Objects>,
        object: &ObjectRef,
        position: u64,
        etag: Option<Arc<str>>,
    ) -> Outcome<Tape> {
        let place = Place { identity: objects.identity().clone(), object: object.clone(), etag, position };
        let kept = {
            let mut kept = self.kept.lock();
            let found = kept.iter().position(|(known, _)| place.etag.is_some() && *known == place);
            found.map(|found| kept.remove(found).1)
        };
        match kept {
            Some(tape) => Ok(tape),
            None => Tape::open(Arc::clone(objects), object, position, place.etag).await,
        }
    }

    /// Keeps a file for when it is read on.
    pub(crate) fn keep(&self, objects: &Arc<dyn Objects>, object: &ObjectRef, tape: Tape) {
        let place = Place {
            identity: objects.identity().clone(),
            object: object.clone(),
            etag: tape.etag(),
            position: tape.position(),
        };
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((place, tape));
    }
}

//! Pages of lists: where one ends is where the next begins. The API wraps these cursors in authenticated tokens.

use newel_asl::timestamp::Timestamp;
use newel_store::{ArnKey, EntitiesPage, EntityKind, EntityRow, Id};

use crate::codec::Unreadable;
use crate::engine::Inner;
use crate::request::Page;
use crate::{Error, ErrorKind};

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// At an instant and an id.
    Instant(Timestamp, Id),
    /// At an event.
    Event(u64),
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, Error> {
        if let Some(event) = text.strip_prefix('e') {
            return event.parse().map(Self::Event).map_err(|_| invalid());
        }
        let (millis, id) = text.split_once('.').ok_or_else(invalid)?;
        let id =
            hex::decode(id).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).ok_or_else(invalid)?;
        let millis = millis.parse().map_err(|_| invalid())?;
        Ok(Self::Instant(Timestamp::from_millis(millis), Id(id)))
    }

    /// Where the page of a list ended, as the store takes it.
    pub(crate) fn instant(text: Option<&str>) -> Result<Option<(Timestamp, Id)>, Error> {
        match text.map(Self::parse).transpose()? {
            None => Ok(None),
            Some(Self::Instant(at, id)) => Ok(Some((at, id))),
            Some(Self::Event(_)) => Err(invalid()),
        }
    }

    /// The event that the next page of a history begins with.
    pub(crate) fn event(text: Option<&str>) -> Result<Option<u64>, Error> {
        match text.map(Self::parse).transpose()? {
            None => Ok(None),
            Some(Self::Event(event)) => Ok(Some(event)),
            Some(Self::Instant(..)) => Err(invalid()),
        }
    }
}

fn invalid() -> Error {
    Error::new(ErrorKind::InvalidToken, "Invalid Token: 'Invalid token'")
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instant(at, id) => write!(f, "{}.{id}", at.as_millis()),
            Self::Event(event) => write!(f, "e{event}"),
        }
    }
}

/// Makes a page of at most `limit` rows; one row more than that tells that there is another page. A row that can't be read
/// is left out: it must not hide the others.
pub(crate) fn page<R, T>(
    mut rows: Vec<R>,
    limit: usize,
    cursor: impl Fn(&R) -> Cursor,
    item: impl Fn(R) -> Result<T, Unreadable>,
) -> Page<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| cursor(row).to_string());
    let readable = |row| match item(row) {
        Ok(item) => Some(item),
        Err(error) => {
            tracing::error!(%error, "a row is left out of a list");
            None
        }
    };
    Page { items: rows.into_iter().filter_map(readable).collect(), next }
}

/// A list of entities: which, and in which order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entities {
    pub(crate) kind: EntityKind,
    pub(crate) list: ArnKey,
    pub(crate) newest_first: bool,
}

impl Inner {
    /// The page of a list of entities that follows the cursor `after`, of at most `limit` items.
    pub(crate) async fn entities_page<T>(
        &self,
        Entities { kind, list, newest_first }: Entities,
        limit: usize,
        after: Option<&str>,
        item: impl Fn(EntityRow) -> Result<T, Unreadable>,
    ) -> Result<Page<T>, Error> {
        let after = Cursor::instant(after)?;
        let rows =
            self.store.entities(EntitiesPage { kind, list, newest_first, after, limit: limit + 1 }).await?;
        Ok(page(rows, limit, |row| Cursor::Instant(row.created_at, row.id), item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back() {
        for cursor in [Cursor::Event(17), Cursor::Instant(Timestamp::from_millis(-5), Id([9; 16]))] {
            assert_eq!(Cursor::parse(&cursor.to_string()).unwrap(), cursor);
        }
        assert!(
            Cursor::instant(Some("e17")).is_err()
                && Cursor::event(Some(&format!("5.{}", "00".repeat(16)))).is_err()
        );
        for text in ["", "e", "ex", "5", "5.", "x.00", "5.00"] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }
}

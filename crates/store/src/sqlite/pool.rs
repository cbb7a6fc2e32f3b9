//! Reading: a few connections, used on threads that may block.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::convert::store_error;
use crate::{Error, Result};

/// Connections that only read. Each query sees one state of the database and never waits for the writer.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    /// As many permits as connections: whoever has one finds a connection.
    permits: Arc<Semaphore>,
    /// A read may outlive the store (its caller went away): the data stay locked until it has ended.
    _lock: Arc<File>,
}

impl Pool {
    pub(super) fn open(path: &Path, size: usize, lock: Arc<File>) -> Result<Arc<Self>> {
        let open = || -> rusqlite::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "cache_size", -4_096)?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(connection)
        };
        let size = size.max(1);
        let idle = (0..size).map(|_| open()).collect::<rusqlite::Result<Vec<_>>>().map_err(store_error)?;
        Ok(Arc::new(Self { idle: Mutex::new(idle), permits: Arc::new(Semaphore::new(size)), _lock: lock }))
    }

    /// Runs a query. It ends by itself if the caller goes away.
    pub(super) async fn read<T, Q>(self: &Arc<Self>, query: Q) -> Result<T>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let gone = |what: &str| Error::Unavailable(format!("a read ended early: {what}"));
        let permit =
            Arc::clone(&self.permits).acquire_owned().await.map_err(|_| gone("the store is closed"))?;
        let pool = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let connection = pool.idle.lock().pop();
            let answer = connection.as_ref().map(query);
            pool.idle.lock().extend(connection);
            drop(permit);
            answer
        });
        match task.await {
            Ok(Some(answer)) => answer.map_err(store_error),
            Ok(None) => Err(gone("no connection is left")),
            Err(error) => Err(gone(&error.to_string())),
        }
    }
}

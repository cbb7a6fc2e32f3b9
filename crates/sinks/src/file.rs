//! A file that is appended to, one line an entry, and set aside when it has grown.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::fs::{File, OpenOptions, create_dir_all, remove_file, rename};
use tokio::io::AsyncWriteExt as _;

use crate::sink::{Entry, Error, Sink};
use crate::stdout::lines;

/// Appends to a file. Lines are with the system when a write returns, and not synced: a power failure may lose the last ones.
#[derive(Debug)]
pub(crate) struct FileSink {
    path: PathBuf,
    most_bytes: u64,
    keep: u32,
    open: Option<(File, u64)>,
}

impl FileSink {
    pub(crate) const fn new(path: PathBuf, most_bytes: u64, keep: u32) -> Self {
        Self { path, most_bytes, keep, open: None }
    }

    async fn append(&mut self, lines: &str) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|(_, length)| *length >= self.most_bytes) {
            self.open = None;
            set_aside(&self.path, self.keep).await?;
        }
        let (file, length) = match &mut self.open {
            Some(open) => open,
            // Also after a failure: what is in the file may have been moved or taken away by others.
            None => self.open.insert(open(&self.path).await?),
        };
        let written = async {
            file.write_all(lines.as_bytes()).await?;
            file.flush().await
        };
        match written.await {
            Ok(()) => *length += u64::try_from(lines.len()).unwrap_or(u64::MAX),
            Err(error) => {
                self.open = None;
                return Err(error);
            }
        }
        Ok(())
    }
}

async fn open(path: &Path) -> io::Result<(File, u64)> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        create_dir_all(directory).await?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path).await?;
    let length = file.metadata().await?.len();
    Ok((file, length))
}

/// Renames the file to `.1`, `.1` to `.2` and so on; the oldest goes.
async fn set_aside(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return absent(remove_file(path).await);
    }
    for number in (1..keep).rev() {
        absent(rename(numbered(number), numbered(number + 1)).await)?;
    }
    absent(rename(path, numbered(1)).await)
}

/// What isn't there needn't be moved.
fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[async_trait]
impl<T: Entry> Sink<T> for FileSink {
    fn name(&self) -> &'static str {
        "file"
    }

    async fn write(&mut self, batch: &[Arc<T>]) -> Result<(), Error> {
        let written = self.append(&lines(batch)).await;
        let path = self.path.display();
        written.map_err(|why| Error { count: batch.len(), why: format!("{path}: {why}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_has_grown_is_set_aside_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/log.jsonl");
        let mut sink = FileSink::new(path.clone(), 10, 2);
        for number in 0..7 {
            sink.append(&format!("line {number}\n")).await.unwrap();
        }
        drop(sink);
        let read = |name: &str| std::fs::read_to_string(directory.path().join("made").join(name)).ok();
        assert_eq!(read("log.jsonl").as_deref(), Some("line 6\n"));
        assert_eq!(read("log.jsonl.1").as_deref(), Some("line 4\nline 5\n"));
        assert_eq!(read("log.jsonl.2").as_deref(), Some("line 2\nline 3\n"));
        assert_eq!(read("log.jsonl.3"), None);

        let mut again = FileSink::new(path, 10, 2);
        again.append("line 7\n").await.unwrap();
        assert_eq!(read("log.jsonl").as_deref(), Some("line 6\nline 7\n"), "what is there counts");
        again.append("line 8\n").await.unwrap();
        assert_eq!(read("log.jsonl").as_deref(), Some("line 8\n"));
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let mut sink = FileSink::new(directory.path().to_owned(), 10, 2);
        assert!(sink.append("x\n").await.is_err());
    }
}

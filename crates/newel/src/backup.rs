//! `newel backup` and `newel restore`: the database of a data directory to a file and back.

use std::io::{IsTerminal as _, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use newel_asl::Timestamp;
use newel_store::{BackupError, BackupProgress, BackupStep, Error as StoreError, Manifest};

use crate::arguments::{Backup, Failure, Outcome, Restore, exit};

/// Runs `newel backup`.
pub(crate) fn take(command: &Backup) -> Outcome {
    let mut shown = Shown::new(command.quiet);
    let taken = newel_store::backup(&command.data_dir, &command.file, now(), &mut |step| shown.step(step));
    let manifest = taken.map_err(|error| failure(error, "give another name"))?;
    shown.end(&format!("{} has the state of {}", command.file.display(), told(&manifest)));
    Ok(exit::SUCCESS)
}

/// Runs `newel restore`.
pub(crate) fn put_back(command: &Restore) -> Outcome {
    let mut shown = Shown::new(command.quiet);
    let restored =
        newel_store::restore(&command.file, &command.data_dir, command.force, &mut |step| shown.step(step));
    let manifest = restored.map_err(|error| failure(error, "--force replaces it"))?;
    shown.end(&format!("{} has the state of {}", command.data_dir.display(), told(&manifest)));
    Ok(exit::SUCCESS)
}

fn told(manifest: &Manifest) -> String {
    let Manifest { release, taken_at, schema_version, database_bytes, .. } = manifest;
    format!("{taken_at}: {database_bytes} bytes, schema version {schema_version}, by release {release}")
}

fn failure(error: BackupError, way_out: &str) -> Failure {
    match &error {
        BackupError::Exists(_) => {
            let message = format!("{error}: {way_out}");
            Failure::new(exit::CANNOT_CREATE, anyhow::anyhow!(message))
        }
        BackupError::NoDatabase(_) => {
            Failure::new(exit::NO_INPUT, anyhow::anyhow!("{error}: --data-dir says where it is"))
        }
        BackupError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Failure::new(exit::NO_INPUT, error)
        }
        BackupError::Damaged(_) | BackupError::Store(StoreError::TooNew { .. }) => {
            Failure::new(exit::REFUSED, error)
        }
        BackupError::File { .. } | BackupError::Store(_) => Failure::new(exit::FAILED, error),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Progress on standard error: one line that is written over on a terminal, else a line a step.
#[derive(Debug)]
struct Shown {
    quiet: bool,
    terminal: bool,
    last: Option<(BackupStep, u64)>,
}

impl Shown {
    fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), last: None }
    }

    fn step(&mut self, progress: BackupProgress) {
        let BackupProgress { step, done, total } = progress;
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        let begun = self.last.is_none_or(|(last, _)| last != step);
        if self.quiet || self.last == Some((step, percent)) || !(begun || self.terminal) {
            return;
        }
        self.last = Some((step, percent));
        let name = match step {
            BackupStep::Copying => "copying the database",
            BackupStep::Checking => "checking it",
            BackupStep::Packing => "writing the file",
            BackupStep::Unpacking => "unpacking",
        };
        // Nobody may be looking; the work goes on.
        let _ = if self.terminal {
            write!(std::io::stderr(), "\r\u{1b}[K{name} {percent} %")
        } else {
            writeln!(std::io::stderr(), "{name}")
        };
    }

    fn end(&self, text: &str) {
        if !self.quiet {
            let over = if self.terminal { "\r\u{1b}[K" } else { "" };
            eprintln!("{over}{text}");
        }
    }
}

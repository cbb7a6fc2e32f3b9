//! Named points at which a test build kills or pauses its own process.
//!
//! Crash tests need a process to die at an exact place, for example after a record is durable and before its effect left.
//! The code says `failpoint::hit("after-commit")` there. Without the feature `failpoints` that is nothing at all.
//! With it, the environment variable `NEWEL_FAILPOINTS` arms points, comma-separated:
//!
//! * `POINT=kill@N`: the N-th hit (from 1) ends the process by SIGKILL: no destructor, no flush, no handler.
//! * `POINT=pause@N:FILE`: the N-th hit creates `FILE.reached` and blocks its thread until `FILE` exists. Hits by other
//!   threads pass.
//!
//! A specification that can't be read ends the process with status 2: a crash test that arms nothing would prove nothing.

#[cfg(feature = "failpoints")]
pub use armed::hit;

/// Passes the point `name`. In this build that does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}

#[cfg(feature = "failpoints")]
mod armed {
    use std::collections::HashMap;
    use std::path::PathBuf;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    const VARIABLE: &str = "NEWEL_FAILPOINTS";

    static POINTS: LazyLock<HashMap<String, Point>> = LazyLock::new(|| {
        let specification = std::env::var(VARIABLE).unwrap_or_default();
        parse(&specification).unwrap_or_else(|problem| {
            eprintln!("{VARIABLE}: {problem}");
            std::process::exit(2)
        })
    });

    #[derive(Debug)]
    struct Point {
        hits: AtomicU64,
        at: u64,
        action: Action,
    }

    #[derive(Debug, PartialEq)]
    enum Action {
        Kill,
        Pause(PathBuf),
    }

    /// Passes the point `name`: counts the hit and, if it is the armed one, kills or pauses.
    pub fn hit(name: &str) {
        let Some(point) = POINTS.get(name) else { return };
        if point.hits.fetch_add(1, Ordering::Relaxed) + 1 != point.at {
            return;
        }
        match &point.action {
            Action::Kill => kill(),
            Action::Pause(file) => pause(file),
        }
    }

    fn kill() {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // The signal is delivered before the call returns to this thread; other kernels may take a moment.
        std::process::abort();
    }

    fn pause(file: &std::path::Path) {
        let mut reached = file.as_os_str().to_owned();
        reached.push(".reached");
        if let Err(error) = std::fs::write(&reached, "") {
            eprintln!("{VARIABLE}: cannot create {}: {error}", reached.display());
            std::process::exit(2);
        }
        while !file.exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn parse(specification: &str) -> Result<HashMap<String, Point>, String> {
        let entries = specification.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(|entry| parse_entry(entry).ok_or_else(|| format!("cannot read `{entry}`"))).collect()
    }

    fn parse_entry(entry: &str) -> Option<(String, Point)> {
        let (name, action) = entry.split_once('=')?;
        let (action, rest) = action.split_once('@')?;
        let (at, action) = match action {
            "kill" => (rest, Action::Kill),
            "pause" => {
                let (at, file) = rest.split_once(':')?;
                (at, Action::Pause(PathBuf::from(file)))
            }
            _ => return None,
        };
        let at = at.parse().ok().filter(|at| *at > 0)?;
        Some((name.to_owned(), Point { hits: AtomicU64::new(0), at, action }))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn specifications() {
            let points = parse("a.b=kill@3, c=pause@1:/run/go").unwrap();
            assert_eq!((points["a.b"].at, &points["a.b"].action), (3, &Action::Kill));
            assert_eq!((points["c"].at, &points["c"].action), (1, &Action::Pause(PathBuf::from("/run/go"))));
            assert!(parse("").unwrap().is_empty());
            for bad in ["a", "a=kill", "a=kill@0", "a=kill@x", "a=pause@1", "a=stop@1"] {
                assert_eq!(parse(bad).unwrap_err(), format!("cannot read `{bad}`"));
            }
        }
    }
}

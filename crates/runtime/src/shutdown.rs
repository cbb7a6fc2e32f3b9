//! An orderly stop: the first SIGTERM or SIGINT asks, the second one doesn't.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The process's request to stop, cheap to clone and hand to every component.
///
/// A component awaits [`Shutdown::requested`] beside its work, or takes [`Shutdown::token`] where an API wants the token
/// itself. Once requested it stays so.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// A request that only [`Shutdown::request`] makes: for tests and for processes inside another.
    pub fn manual() -> Self {
        Self::default()
    }

    /// A request that SIGTERM or SIGINT makes. A second signal ends the process at once, with 128 and the signal's number as
    /// its status, as shells report a death by signal: the way out for whoever doesn't want to wait for a drain.
    ///
    /// # Errors
    /// The signal handlers can't be installed.
    ///
    /// # Panics
    /// Outside a Tokio runtime with I/O enabled.
    pub fn on_signals() -> io::Result<Self> {
        let mut signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        let shutdown = Self::default();
        let request = shutdown.clone();
        tokio::spawn(async move {
            let first = signals.next().await;
            tracing::info!(signal = first.name, "stopping; a second signal stops at once");
            request.request();
            let second = signals.next().await;
            std::process::exit(128 + second.number);
        });
        Ok(shutdown)
    }

    /// Asks the process to stop.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Waits until a stop was asked for; at once if it was before. Safe to drop and call again.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// The token behind this request; cancelling it is [`Shutdown::request`].
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

struct Caught {
    name: &'static str,
    number: i32,
}

impl Signals {
    async fn next(&mut self) -> Caught {
        // Both arms are cancellation safe: a signal that isn't picked up stays pending in its stream.
        tokio::select! {
            _ = self.terminate.recv() => {
                Caught { name: "SIGTERM", number: SignalKind::terminate().as_raw_value() }
            }
            _ = self.interrupt.recv() => {
                Caught { name: "SIGINT", number: SignalKind::interrupt().as_raw_value() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_reaches_every_clone_and_stays() {
        let shutdown = Shutdown::manual();
        let clone = shutdown.clone();
        assert!(!clone.is_requested());
        let waiting = tokio::spawn(async move { clone.requested().await });
        shutdown.request();
        waiting.await.unwrap();
        shutdown.requested().await;
        assert!(shutdown.is_requested() && shutdown.token().is_cancelled());
    }
}

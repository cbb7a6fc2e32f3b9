//! What a sink is.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use newel_asl::Timestamp;

/// Something to tell: a line of JSON and what a sink may need beside it.
pub trait Entry: Send + Sync + fmt::Debug + 'static {
    /// The JSON text, without a line end. Made once, when a sink first asks for it.
    fn text(&self) -> &str;

    /// About how many bytes it takes in memory.
    fn weight(&self) -> usize;

    /// When it happened.
    fn at(&self) -> Timestamp;

    /// Tells it from all others, the same whenever the same thing is told again.
    fn id(&self) -> String;
}

/// Why entries weren't written. They are dropped: whoever can try again does so before it gives up.
#[derive(Debug, thiserror::Error)]
#[error("{count} not delivered: {why}")]
pub struct Error {
    /// How many.
    pub count: usize,
    /// The first reason.
    pub why: String,
}

/// Writes entries somewhere.
#[async_trait]
pub trait Sink<T: Entry>: Send + fmt::Debug {
    /// Its name in metrics and logs.
    fn name(&self) -> &'static str;

    /// Writes entries, in order where the place has one.
    ///
    /// # Errors
    /// Some are given up.
    async fn write(&mut self, batch: &[Arc<T>]) -> Result<(), Error>;
}

//! Retry and Catch.

use newel_value::{Str, Value};

use super::Compiler;
use super::jsonata::Sees;
use super::node::{self, Bounds, MAX_SECONDS, Node};
use crate::error;
use crate::plan::{Catcher, Retrier};

/// The bounds of `MaxDelaySeconds`: a year and a day.
const MAX_DELAY: Bounds = Bounds { min: 1, max: 31_622_400 };
/// The bounds of `MaxAttempts`.
const ATTEMPTS: Bounds = Bounds { min: 0, max: MAX_SECONDS };

impl Compiler<'_> {
    pub(super) fn retry(&mut self, node: &Node<'_>) -> Vec<Retrier> {
        self.entries(node, "Retry", Self::retrier)
    }

    pub(super) fn catch(&mut self, node: &Node<'_>) -> Vec<Catcher> {
        self.entries(node, "Catch", Self::catcher)
    }

    /// The elements of `Retry` or `Catch`, and that the wildcard is alone in the last of them.
    fn entries<T>(
        &mut self,
        node: &Node<'_>,
        field: &str,
        read: fn(&mut Self, &Node<'_>) -> Option<T>,
    ) -> Vec<T> {
        let written = self.array(node, field).unwrap_or_default();
        let mut entries = Vec::with_capacity(written.len());
        for (index, value) in written.iter().enumerate() {
            let Some(entry) = self.node(value, node.at_index(field, index)) else { continue };
            self.comment(&entry);
            self.wildcard(&entry, index + 1 == written.len());
            entries.extend(read(self, &entry));
        }
        entries
    }

    fn wildcard(&mut self, entry: &Node<'_>, last: bool) {
        let errors = entry.get("ErrorEquals").and_then(Value::as_array).unwrap_or_default();
        let wild = errors.iter().any(|error| error.as_str() == Some(error::ALL));
        if wild && !(last && errors.len() == 1) {
            self.fault("States.ALL must appear alone and at end of list", entry.at("ErrorEquals"));
        }
    }

    fn error_equals(&mut self, entry: &Node<'_>) -> Option<Vec<Str>> {
        let written = self.nonempty_array(entry, "ErrorEquals")?;
        let texts = written
            .iter()
            .enumerate()
            .map(|(index, value)| self.text(value, || entry.at_index("ErrorEquals", index)))
            .collect::<Vec<_>>();
        texts.into_iter().collect()
    }

    fn retrier(&mut self, entry: &Node<'_>) -> Option<Retrier> {
        self.known_fields(
            entry,
            &[&[
                "ErrorEquals",
                "IntervalSeconds",
                "MaxAttempts",
                "BackoffRate",
                "MaxDelaySeconds",
                "JitterStrategy",
                "Comment",
            ]],
        );
        let interval_seconds = self.integer(entry, "IntervalSeconds", node::SECONDS).unwrap_or(1);
        let max_attempts = self.integer(entry, "MaxAttempts", ATTEMPTS).unwrap_or(3);
        let backoff_rate = self.float(entry, "BackoffRate", 1.0, f64::MAX).unwrap_or(2.0);
        let max_delay_seconds = self.integer(entry, "MaxDelaySeconds", MAX_DELAY);
        let jitter = self.one_of(entry, "JitterStrategy", &["NONE", "FULL"]);
        if !self.required(entry, &["ErrorEquals"]) {
            return None;
        }
        Some(Retrier {
            error_equals: self.error_equals(entry)?,
            interval_seconds,
            max_attempts,
            backoff_rate,
            max_delay_seconds,
            full_jitter: jitter.as_deref() == Some("FULL"),
        })
    }

    fn catcher(&mut self, entry: &Node<'_>) -> Option<Catcher> {
        match self.is_jsonata() {
            false if entry.has("Output") => self.only_in_jsonata(entry, "Output"),
            true if entry.has("ResultPath") => self.only_in_json_path(entry, "ResultPath"),
            _ => {}
        }
        self.known_fields(entry, &[&["ErrorEquals", "Next", "ResultPath", "Assign", "Comment", "Output"]]);
        let result_path = self.result_path(entry);
        let assign = self.assign(entry, Sees::ErrorOutput);
        let output = self.output(entry, Sees::ErrorOutput);
        let next = self.string(entry, "Next");
        if !self.required(entry, &["ErrorEquals", "Next"]) {
            return None;
        }
        let error_equals = self.error_equals(entry)?;
        let next = next?;
        self.target(&next, entry.at("Next"));
        Some(Catcher { error_equals, next, result_path, assign, output })
    }
}

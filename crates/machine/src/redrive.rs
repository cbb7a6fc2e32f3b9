//! Redrive: an execution that ended badly goes on from where it stopped
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html>).
//!
//! A state is run again if it was entered and not left; what had been left stays as it is. So branches and iterations that
//! had come to their end keep their results, and retry counters and time limits begin anew.

use newel_asl::plan::Kind;
use newel_asl::timestamp::Timestamp;
use newel_value::Str;
use serde::{Deserialize, Serialize};

use crate::event::Detail;
use crate::execution::{FramePath, Outcome, Phase};
use crate::input::Reply;
use crate::turn::Runner;

/// How many client tokens are remembered, as AWS has it.
const TOKENS: usize = 10;
/// For how long a client token is remembered, as AWS has it.
const TOKEN_MILLIS: i64 = 15 * 60 * 1_000;

/// How often an execution has been redriven, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrives {
    /// How often.
    pub count: u64,
    /// When it was last redriven.
    pub last: Option<Timestamp>,
    /// The client tokens of the latest redrives and when they came, oldest first.
    pub tokens: Vec<(Str, Timestamp)>,
}

impl Redrives {
    /// When a client token redrove the execution, if it is one that is still remembered.
    #[must_use]
    pub fn redriven_by(&self, token: &str, now: Timestamp) -> Option<Timestamp> {
        let fresh = |at: Timestamp| at.plus_millis(TOKEN_MILLIS) > now;
        self.tokens.iter().rev().find(|(known, at)| &**known == token && fresh(*at)).map(|(_, at)| *at)
    }

    fn note(&mut self, token: Option<Str>, now: Timestamp) {
        self.count += 1;
        self.last = Some(now);
        self.tokens.extend(token.map(|token| (token, now)));
        let forgotten = self.tokens.len().saturating_sub(TOKENS);
        self.tokens.drain(..forgotten);
    }
}

impl Runner<'_, '_> {
    /// Opens an execution that ended badly, and has every state that was entered and not left run again.
    pub(crate) fn redrive(&mut self, token: Option<Str>) -> Reply {
        match self.execution.outcome {
            Some(Outcome::Failed(_) | Outcome::TimedOut(_) | Outcome::Aborted(_)) => {}
            Some(Outcome::Succeeded(_)) | None => return Reply::Stale,
        }
        let now = self.world.now;
        self.execution.outcome = None;
        self.execution.redrives.note(token, now);
        self.execution.deadline = Some(self.deadline());
        let redrive_count = self.execution.redrives.count;
        let redriven = self.emit(Detail::ExecutionRedriven { redrive_count }, self.execution.last_event);
        if self.execution.info.is_express() {
            self.begin_again(redriven);
            return Reply::Accepted;
        }
        let paths = self.execution.frames.paths();
        for path in &paths {
            self.reopen(path, redriven);
        }
        for path in &paths {
            // Either can fail, and with it all the rest.
            if self.execution.outcome.is_none() {
                self.resume_iterations(path, redriven);
                self.redrive_map_run(path, redriven);
            }
        }
        self.due_frames();
        Reply::Accepted
    }

    /// An Express child of a map run doesn't go on: it runs once more, from its start and its input.
    fn begin_again(&mut self, redriven: u64) {
        for path in self.execution.frames.paths() {
            self.remove(&path);
        }
        let input = self.execution.info.input.clone();
        self.spawn("".into(), None, 0, &self.world.plan.root, input, redriven);
    }

    /// Readies a frame of a closed execution: what its state is to do again falls due at once.
    fn reopen(&mut self, path: &FramePath, redriven: u64) {
        let Some((frame, state)) = self.current(path) else { return };
        match (&frame.phase, &state.kind) {
            // At its end, or about to enter its state.
            (Phase::Finished { .. }, _) => return,
            (Phase::Ready, _) if frame.entered == 0 => return,
            // AWS enters a Fail state again, in contrast to all others.
            (Phase::Ready, Kind::Fail(_)) => {
                self.update(path, |frame| {
                    frame.entered = 0;
                    frame.previous = redriven;
                });
                return;
            }
            (Phase::MapRun(run), _) if run.redrivable => return,
            // Only those of its branches go on that hadn't come to their end.
            (Phase::Parallel | Phase::Map(_), _) => {
                self.update(path, |frame| frame.retries.clear());
                return;
            }
            (
                Phase::Ready
                | Phase::Waiting { .. }
                | Phase::Task(_)
                | Phase::Backoff { .. }
                | Phase::MapRun(_),
                _,
            ) => {}
        }
        let until = self.world.now;
        self.update(path, |frame| {
            frame.retries.clear();
            frame.previous = redriven;
            frame.phase = Phase::Backoff { until };
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_tokens_are_remembered_for_a_quarter_of_an_hour() {
        let at = Timestamp::from_millis;
        let mut redrives = Redrives::default();
        for n in 0..=10 {
            redrives.note(Some(format!("t{n}").into()), at(n));
        }
        assert_eq!((redrives.count, redrives.last), (11, Some(at(10))));
        assert_eq!(redrives.redriven_by("t0", at(11)), None, "it is the eleventh last");
        assert_eq!(redrives.redriven_by("t10", at(11)), Some(at(10)));
        assert_eq!(redrives.redriven_by("t10", at(10 + TOKEN_MILLIS)), None);
    }
}

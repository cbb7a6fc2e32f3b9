//! Progress of an execution, shown line by line as its events come.

use std::io::{IsTerminal as _, Write};

use newel_orchestrator::{Change, Lineage, Scope, Step};
use newel_proto::v1::HistoryEvent;
use newel_proto::v1::history_event::Details;

use crate::text::{millis, seconds, shortened};

/// Characters of a payload or cause that a line shows.
const EXCERPT: usize = 80;

/// What is remembered of a state that is open.
#[derive(Debug, Default)]
struct Note {
    entered: i64,
}

/// Writes lines about events, each indented by the states that it is inside of.
#[derive(Debug)]
pub(crate) struct Progress<W> {
    out: W,
    colour: bool,
    started: Option<i64>,
    lineage: Lineage<Note>,
}

impl Progress<std::io::Stderr> {
    pub(crate) fn on_stderr() -> Self {
        let out = std::io::stderr();
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self::new(out, colour)
    }
}

impl<W: Write> Progress<W> {
    fn new(out: W, colour: bool) -> Self {
        Self { out, colour, started: None, lineage: Lineage::new() }
    }

    /// Says something that isn't about an event.
    pub(crate) fn note(&mut self, text: &str) {
        // Nobody may be looking any more; the execution doesn't mind.
        let _ = writeln!(self.out, "{text}");
    }

    /// Shows an event. Those that tell nothing beside the ones around them are passed over.
    pub(crate) fn show(&mut self, event: &HistoryEvent) {
        let at = millis(event.timestamp.as_ref());
        let since = at - *self.started.get_or_insert(at);
        let lines = lines(&mut self.lineage, event, at);
        for (depth, mark, text) in lines {
            let (on, off) = if self.colour { (mark.colour(), "\u{1b}[0m") } else { ("", "") };
            let (clock, indent) = (seconds(since), "  ".repeat(depth));
            let _ = writeln!(self.out, "{clock:>9}  {indent}{on}{}{off} {text}", mark.sign());
        }
    }
}

/// What kind of thing a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Begun,
    Going,
    Done,
    Bad,
}

impl Mark {
    const fn sign(self) -> &'static str {
        match self {
            Self::Begun => "▸",
            Self::Going => "·",
            Self::Done => "✓",
            Self::Bad => "✗",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Begun => "\u{1b}[36m",
            Self::Going => "\u{1b}[2m",
            Self::Done => "\u{1b}[32m",
            Self::Bad => "\u{1b}[31m",
        }
    }
}

fn lines(lineage: &mut Lineage<Note>, event: &HistoryEvent, at: i64) -> Vec<(usize, Mark, String)> {
    match lineage.read(event.id, event.previous_event_id, step(event)) {
        Change::Entered(scope) => {
            scope.note.entered = at;
            let kind = event.r#type.strip_suffix("StateEntered").map(|kind| format!("  {kind}"));
            vec![(scope.depth, Mark::Begun, format!("{}{}", label(scope), kind.unwrap_or_default()))]
        }
        Change::Left(scopes) => {
            let bad = event.r#type.ends_with("Failed") || event.r#type.ends_with("Aborted");
            let line = |(i, scope): (usize, &Scope<Note>)| {
                let took = seconds(at - scope.note.entered);
                let (mark, what) = match i {
                    0 if bad => (Mark::Bad, "failed after "),
                    0 => (Mark::Done, ""),
                    _ => (Mark::Bad, "given up after "),
                };
                (scope.depth, mark, format!("{}  {what}{took}", label(scope)))
            };
            scopes.iter().enumerate().map(line).collect()
        }
        Change::Within(scope) => {
            detail(event).map(|(mark, text)| (scope.depth + 1, mark, text)).into_iter().collect()
        }
        Change::Outside => detail(event).map(|(mark, text)| (0, mark, text)).into_iter().collect(),
    }
}

/// What an event means to the tree of states.
fn step(event: &HistoryEvent) -> Step<'_> {
    match (&event.details, event.r#type.as_str()) {
        (Some(Details::StateEntered(state)), _) => Step::Enter(&state.name, None),
        (Some(Details::StateExited(state)), _) => Step::Leave(&state.name, None),
        (Some(Details::MapIteration(iteration)), "MapIterationStarted") => {
            Step::Enter(&iteration.name, Some(iteration.index))
        }
        (Some(Details::MapIteration(iteration)), _) => Step::Leave(&iteration.name, Some(iteration.index)),
        _ => Step::Within,
    }
}

fn label(scope: &Scope<Note>) -> String {
    match scope.index {
        Some(index) => format!("{} #{index}", scope.name),
        None => scope.name.clone(),
    }
}

/// What there is to say of an event inside a state.
fn detail(event: &HistoryEvent) -> Option<(Mark, String)> {
    let fault = |error: &Option<String>, cause: &Option<String>| {
        let (error, cause) = (error.as_deref().unwrap_or("(no error)"), cause.as_deref().unwrap_or_default());
        format!("{error} {}", shortened(cause, EXCERPT)).trim_end().to_owned()
    };
    Some(match event.details.as_ref()? {
        Details::TaskScheduled(task) => (Mark::Going, format!("{}:{}", task.resource_type, task.resource)),
        Details::TaskOutput(task) if event.r#type == "TaskSubmitted" => {
            let answer = task.output.as_deref().map(|output| shortened(output, EXCERPT)).unwrap_or_default();
            (Mark::Going, format!("submitted {answer}"))
        }
        Details::TaskFault(task) => (Mark::Bad, fault(&task.error, &task.cause)),
        Details::MapStateStarted(map) => (Mark::Going, format!("{} iterations", map.length)),
        Details::ExecutionEnded(ended) => (Mark::Bad, fault(&ended.error, &ended.cause)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use newel_proto::v1::{
        MapIterationDetails, MapStateStartedDetails, StateEnteredDetails, StateExitedDetails,
        TaskFaultDetails, TaskScheduledDetails,
    };

    use super::*;

    fn event(id: u64, previous: u64, kind: &str, details: Option<Details>) -> HistoryEvent {
        let timestamp = prost_types::Timestamp { seconds: 100 + i64::try_from(id).unwrap(), nanos: 0 };
        HistoryEvent {
            id,
            previous_event_id: previous,
            timestamp: Some(timestamp),
            r#type: kind.to_owned(),
            details,
        }
    }

    #[test]
    fn lines_are_indented_by_what_is_around_them() {
        let entered = |name: &str| {
            Some(Details::StateEntered(StateEnteredDetails { name: name.to_owned(), input: None }))
        };
        let exited = |name: &str| {
            Some(Details::StateExited(StateExitedDetails { name: name.to_owned(), ..Default::default() }))
        };
        let iteration =
            || Some(Details::MapIteration(MapIterationDetails { name: "Each".to_owned(), index: 0 }));
        let task = TaskScheduledDetails {
            resource_type: "batch".to_owned(),
            resource: "submitJob.sync".to_owned(),
            ..Default::default()
        };
        let fault = TaskFaultDetails {
            error: Some("E".to_owned()),
            cause: Some("why".to_owned()),
            ..Default::default()
        };
        let events = [
            event(1, 0, "ExecutionStarted", None),
            event(2, 0, "MapStateEntered", entered("Each")),
            event(
                3,
                2,
                "MapStateStarted",
                Some(Details::MapStateStarted(MapStateStartedDetails { length: 1 })),
            ),
            event(4, 3, "MapIterationStarted", iteration()),
            event(5, 4, "TaskStateEntered", entered("Run")),
            event(6, 5, "TaskScheduled", Some(Details::TaskScheduled(task))),
            event(7, 6, "TaskFailed", Some(Details::TaskFault(fault))),
            event(8, 7, "MapIterationFailed", iteration()),
            event(9, 8, "MapStateFailed", None),
            event(10, 9, "MapStateExited", exited("Each")),
        ];
        let mut progress = Progress::new(Vec::new(), false);
        events.iter().for_each(|event| progress.show(event));
        let shown = String::from_utf8(progress.out).unwrap();
        let expect = [
            "    1.0 s  ▸ Each  Map",
            "    2.0 s    · 1 iterations",
            "    3.0 s    ▸ Each #0",
            "    4.0 s      ▸ Run  Task",
            "    5.0 s        · batch:submitJob.sync",
            "    6.0 s        ✗ E why",
            "    7.0 s    ✗ Each #0  failed after 4.0 s",
            "    7.0 s      ✗ Run  given up after 3.0 s",
            "    9.0 s  ✓ Each  8.0 s",
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), expect);
    }
}

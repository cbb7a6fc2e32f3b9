//! Puts dispatches together from messages and payload chunks, within bounds.

use newel_proto::worker::v1 as wire;
use newel_value::Payload;
use rustc_hash::FxHashMap;

use crate::attempt::{Attempt, InvalidDispatch, TaskKey};
use crate::ledger::Order;

/// Payloads that may be in parts at once.
const MAX_OPEN: usize = 1_024;

/// What an orchestrator may not send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Violation {
    #[error("a payload is longer than {0} bytes")]
    TooLong(usize),
    #[error("more than {MAX_OPEN} payloads are in parts")]
    TooMany,
    #[error("a chunk follows the last one of its payload")]
    AfterLast,
    #[error("a dispatch has no task id")]
    NoTask,
}

/// A dispatch as far as it could be understood.
#[derive(Debug)]
pub(crate) enum Received {
    Dispatch(Box<Attempt>, Order),
    /// Whose it is can be told, what credit it cost, and that it makes no sense.
    Invalid(TaskKey, Option<u64>, String),
}

#[derive(Debug, Default)]
struct Parts {
    bytes: Vec<u8>,
    complete: bool,
}

/// The payloads that are on their way.
#[derive(Debug)]
pub(crate) struct Inbound {
    open: FxHashMap<u64, Parts>,
    total: usize,
    max_payload: usize,
    max_total: usize,
}

impl Inbound {
    /// `max_payload` bounds one payload, `max_total` all that are gathered at once.
    pub(crate) fn new(max_payload: usize, max_total: usize) -> Self {
        Self { open: FxHashMap::default(), total: 0, max_payload, max_total: max_total.max(max_payload) }
    }

    /// Takes a part.
    pub(crate) fn chunk(&mut self, chunk: &wire::PayloadChunk) -> Result<(), Violation> {
        if self.open.len() >= MAX_OPEN && !self.open.contains_key(&chunk.id) {
            return Err(Violation::TooMany);
        }
        let parts = self.open.entry(chunk.id).or_default();
        if parts.complete {
            return Err(Violation::AfterLast);
        }
        self.total += chunk.data.len();
        if parts.bytes.len() + chunk.data.len() > self.max_payload || self.total > self.max_total {
            return Err(Violation::TooLong(self.max_payload));
        }
        parts.bytes.extend_from_slice(&chunk.data);
        parts.complete = chunk.last;
        Ok(())
    }

    /// Reads a dispatch, with the payload that came before it.
    pub(crate) fn dispatch(&mut self, mut dispatch: wire::Dispatch) -> Result<Received, Violation> {
        let task = TaskKey::from_wire(dispatch.task.as_ref()).map_err(|_| Violation::NoTask)?;
        let parameters = dispatch.parameters.take();
        let charges = !matches!(dispatch.kind(), wire::DispatchKind::Watch | wire::DispatchKind::Cancel);
        let credit = charges.then_some(self.size_of(parameters.as_ref()));
        let understood = match self.gather(parameters) {
            Ok(parameters) => order_of(&dispatch)
                .and_then(|order| Ok((Attempt::from_wire(dispatch, parameters)?, order)))
                .map_err(|invalid| invalid.to_string()),
            Err(problem) => Err(problem),
        };
        Ok(match understood {
            Ok((attempt, order)) => Received::Dispatch(Box::new(attempt), order),
            Err(problem) => Received::Invalid(task, credit, problem),
        })
    }

    fn size_of(&self, payload: Option<&wire::Payload>) -> u64 {
        use wire::payload::Source;
        let bytes = match payload.and_then(|payload| payload.source.as_ref()) {
            None => 0,
            Some(Source::Inline(bytes)) => bytes.len(),
            Some(Source::Chunked(id)) => self.open.get(id).map_or(0, |parts| parts.bytes.len()),
        };
        bytes as u64
    }

    fn gather(&mut self, payload: Option<wire::Payload>) -> Result<Option<Payload>, String> {
        use wire::payload::Source;
        let bytes = match payload.and_then(|payload| payload.source) {
            None => return Ok(None),
            Some(Source::Inline(bytes)) => Vec::from(bytes),
            Some(Source::Chunked(id)) => {
                let parts = self.open.remove(&id).unwrap_or_default();
                self.total -= parts.bytes.len();
                if !parts.complete {
                    return Err("its parameters are incomplete".to_owned());
                }
                parts.bytes
            }
        };
        let text = String::from_utf8(bytes).map_err(|_| "its parameters aren't UTF-8".to_owned())?;
        Payload::parse(text).map(Some).map_err(|error| format!("its parameters aren't JSON: {error}"))
    }
}

fn order_of(dispatch: &wire::Dispatch) -> Result<Order, InvalidDispatch> {
    match dispatch.kind() {
        wire::DispatchKind::Submit => Ok(Order::Submit),
        wire::DispatchKind::Reconcile => Ok(Order::Reconcile),
        wire::DispatchKind::Watch => Ok(Order::Watch),
        wire::DispatchKind::Cancel => Ok(Order::Cancel),
        wire::DispatchKind::Unspecified => Err(InvalidDispatch("its kind is unknown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(id: u64, data: &'static str, last: bool) -> wire::PayloadChunk {
        wire::PayloadChunk { id, data: data.as_bytes().into(), last }
    }

    fn dispatch(source: wire::payload::Source) -> wire::Dispatch {
        wire::Dispatch {
            task: Some(wire::TaskId { execution: vec![1; 16].into(), ..Default::default() }),
            kind: wire::DispatchKind::Submit as i32,
            resource: "arn:aws:states:::batch:submitJob".into(),
            parameters: Some(wire::Payload { source: Some(source) }),
            ..Default::default()
        }
    }

    /// The parameters' text, or what is wrong.
    fn gathered(inbound: &mut Inbound, source: wire::payload::Source) -> String {
        match inbound.dispatch(dispatch(source)).unwrap() {
            Received::Dispatch(attempt, Order::Submit) => attempt.parameters.unwrap().text().to_owned(),
            Received::Dispatch(..) => "another order".to_owned(),
            Received::Invalid(_, _, problem) => problem,
        }
    }

    #[test]
    fn parts_make_a_payload() {
        use wire::payload::Source;
        let mut inbound = Inbound::new(100, 100);
        inbound.chunk(&chunk(1, "{\"a\"", false)).unwrap();
        inbound.chunk(&chunk(2, "[]", true)).unwrap();
        inbound.chunk(&chunk(1, ": 1}", true)).unwrap();
        assert_eq!(gathered(&mut inbound, Source::Chunked(1)), "{\"a\": 1}");
        assert_eq!(gathered(&mut inbound, Source::Chunked(2)), "[]");
        assert_eq!(inbound.total, 0);
        assert_eq!(gathered(&mut inbound, Source::Chunked(2)), "its parameters are incomplete");
        inbound.chunk(&chunk(3, "[", false)).unwrap();
        assert_eq!(gathered(&mut inbound, Source::Chunked(3)), "its parameters are incomplete");
        assert_eq!(gathered(&mut inbound, Source::Inline("{}".into())), "{}");
        assert!(gathered(&mut inbound, Source::Inline("{".into())).starts_with("its parameters aren't JSON"));
        assert_eq!(gathered(&mut inbound, Source::Inline(vec![0xff].into())), "its parameters aren't UTF-8");
    }

    #[test]
    fn too_much_is_refused() {
        let mut inbound = Inbound::new(10, 15);
        inbound.chunk(&chunk(1, "12345678", true)).unwrap();
        assert!(matches!(inbound.chunk(&chunk(1, "1", true)), Err(Violation::AfterLast)));
        assert!(matches!(inbound.chunk(&chunk(2, "12345678901", true)), Err(Violation::TooLong(10))));
        let mut inbound = Inbound::new(10, 15);
        inbound.chunk(&chunk(1, "12345678", true)).unwrap();
        assert!(matches!(inbound.chunk(&chunk(2, "12345678", true)), Err(Violation::TooLong(_))));
        let mut inbound = Inbound::new(10, 15);
        for id in 0..MAX_OPEN as u64 {
            inbound.chunk(&chunk(id, "", false)).unwrap();
        }
        assert!(matches!(inbound.chunk(&chunk(9_999, "", false)), Err(Violation::TooMany)));
        let nobody = wire::Dispatch { task: None, ..dispatch(wire::payload::Source::Chunked(0)) };
        assert!(matches!(inbound.dispatch(nobody), Err(Violation::NoTask)));
    }

    #[test]
    fn a_senseless_dispatch_names_its_task() {
        let mut inbound = Inbound::new(10, 10);
        let mut odd = dispatch(wire::payload::Source::Inline("{}".into()));
        odd.kind = 77;
        let Received::Invalid(task, credit, problem) = inbound.dispatch(odd).unwrap() else { panic!() };
        assert_eq!((task.execution, credit, &*problem), ([1; 16], Some(2), "its kind is unknown"));
    }
}

//! What goes to a worker, as messages of at most 1 MiB.

use bytes::Bytes;
use newel_engine::{Dispatch, DispatchKind};
use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::session_response::Message;
use newel_value::Payload;

use crate::state::{Ack, Outgoing};
use crate::wire::{CHUNK_BYTES, INLINE_BYTES, MAX_MESSAGE, dispatch_kind, report_kind, task_to_wire};

/// What a field's tag and length take, and a batch's own.
const FIELD_OVERHEAD: usize = 8;

/// Makes messages for one session.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    last_payload: u64,
}

impl Encoder {
    /// The messages that say `outgoing`, in order: acknowledgements first, since the worker may wait for them, and chunks
    /// before what names them.
    pub(crate) fn messages(&mut self, outgoing: Outgoing) -> Vec<wire::SessionResponse> {
        let mut out = Vec::new();
        let mut acks = Batch::new(|acks| Message::Acks(wire::AckBatch { acks }));
        for ack in &outgoing.acks {
            acks.push(ack_to_wire(ack), &mut out);
        }
        acks.finish(&mut out);
        let mut drops = Batch::new(|tasks| Message::Drops(wire::DropBatch { tasks }));
        for task in &outgoing.drops {
            drops.push(task_to_wire(task), &mut out);
        }
        drops.finish(&mut out);
        let mut dispatches = Batch::new(|dispatches| Message::Dispatches(wire::DispatchBatch { dispatches }));
        for (kind, dispatch) in &outgoing.dispatches {
            let parameters = dispatch.parameters.as_ref().map(|payload| self.payload(payload, &mut out));
            dispatches.push(dispatch_to_wire(*kind, dispatch, parameters), &mut out);
        }
        dispatches.finish(&mut out);
        out.into_iter().map(response).collect()
    }

    /// A payload inside its message, or its chunks ahead of it.
    fn payload(&mut self, payload: &Payload, out: &mut Vec<Message>) -> wire::Payload {
        use wire::payload::Source;
        let text = payload.text().as_bytes();
        if text.len() <= INLINE_BYTES {
            return wire::Payload { source: Some(Source::Inline(Bytes::copy_from_slice(text))) };
        }
        self.last_payload += 1;
        let id = self.last_payload;
        let mut parts = text.chunks(CHUNK_BYTES).peekable();
        while let Some(part) = parts.next() {
            let (data, last) = (Bytes::copy_from_slice(part), parts.peek().is_none());
            out.push(Message::Chunk(wire::PayloadChunk { id, data, last }));
        }
        wire::Payload { source: Some(Source::Chunked(id)) }
    }
}

/// Says that the session is alive.
pub(crate) fn keepalive() -> wire::SessionResponse {
    response(Message::Acks(wire::AckBatch { acks: Vec::new() }))
}

pub(crate) fn response(message: Message) -> wire::SessionResponse {
    wire::SessionResponse { message: Some(message) }
}

/// Items gathered into messages.
struct Batch<T> {
    items: Vec<T>,
    bytes: usize,
    message: fn(Vec<T>) -> Message,
}

impl<T: prost::Message> Batch<T> {
    fn new(message: fn(Vec<T>) -> Message) -> Self {
        Self { items: Vec::new(), bytes: FIELD_OVERHEAD, message }
    }

    fn push(&mut self, item: T, out: &mut Vec<Message>) {
        let bytes = item.encoded_len() + FIELD_OVERHEAD;
        if self.bytes + bytes > MAX_MESSAGE {
            self.finish(out);
        }
        self.bytes += bytes;
        self.items.push(item);
    }

    fn finish(&mut self, out: &mut Vec<Message>) {
        if !self.items.is_empty() {
            out.push((self.message)(std::mem::take(&mut self.items)));
        }
        self.bytes = FIELD_OVERHEAD;
    }
}

fn ack_to_wire(ack: &Ack) -> wire::Ack {
    wire::Ack { task: Some(task_to_wire(&ack.task)), kind: report_kind(ack.kind).into(), stale: ack.stale }
}

fn dispatch_to_wire(
    kind: DispatchKind,
    dispatch: &Dispatch,
    parameters: Option<wire::Payload>,
) -> wire::Dispatch {
    let text = |text: &Option<newel_value::Str>| text.as_deref().unwrap_or_default().to_owned();
    wire::Dispatch {
        task: Some(task_to_wire(&dispatch.task)),
        kind: dispatch_kind(kind).into(),
        resource: dispatch.resource.to_string(),
        account: dispatch.account.to_string(),
        region: dispatch.region.to_string(),
        execution_arn: dispatch.execution_arn.to_string(),
        state_machine_arn: dispatch.state_machine_arn.to_string(),
        state_name: dispatch.state_name.to_string(),
        machine_role_arn: dispatch.machine_role_arn.to_string(),
        task_role_arn: text(&dispatch.task_role_arn),
        parameters,
        submit_token: dispatch.submit_token.to_string(),
        external_ref: text(&dispatch.external_ref),
        deadline_millis: dispatch.deadline.map_or(0, |at| at.as_millis()),
        heartbeat_seconds: dispatch.heartbeat_seconds.unwrap_or(0),
        traceparent: text(&dispatch.traceparent),
        scheduled_millis: dispatch.scheduled_at.as_millis(),
        submitted_millis: dispatch.submitted_at.map_or(0, |at| at.as_millis()),
        trace_http: dispatch.trace.is_some(),
        reveal_secrets: dispatch.trace.is_some_and(|trace| trace.reveal_secrets),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use newel_engine::HttpTrace;
    use prost::Message as _;

    use super::*;
    use crate::tests::fixture::{dispatch, payload, task};

    /// Messages as letters, `c` and `C` chunks, `d` with the number of dispatches; and that none is too long.
    fn shape(sizes: &[usize]) -> String {
        let outgoing = Outgoing {
            dispatches: sizes
                .iter()
                .zip(0..)
                .map(|(bytes, n)| {
                    let parameters = Some(payload(*bytes));
                    let dispatch = Dispatch { parameters, ..dispatch(n, DispatchKind::Submit) };
                    (DispatchKind::Submit, Arc::new(dispatch))
                })
                .collect(),
            ..Outgoing::default()
        };
        let letter = |message: wire::SessionResponse| {
            assert!(message.encoded_len() <= MAX_MESSAGE, "{}", message.encoded_len());
            match message.message.unwrap() {
                Message::Chunk(chunk) => if chunk.last { "C" } else { "c" }.to_owned(),
                Message::Dispatches(batch) => format!("d{}", batch.dispatches.len()),
                other => panic!("{other:?}"),
            }
        };
        Encoder::default().messages(outgoing).into_iter().map(letter).collect()
    }

    #[test]
    fn long_payloads_go_ahead_in_chunks_and_batches_are_bounded() {
        let check = |sizes: &[usize], expect: &str| assert_eq!(shape(sizes), expect, "{sizes:?}");
        check(&[], "");
        check(&[10, 10, 10], "d3");
        check(&[INLINE_BYTES; 4], "d3d1");
        check(&[INLINE_BYTES + 1], "Cd1");
        check(&[4 << 20], "cccccccCd1");
        check(&[10, 2 << 20, 10], "cccCd3");
        check(&[1_000; 3_000], "d816d816d816d552");
    }

    #[test]
    fn secrets_are_asked_for_with_an_exchange_alone() {
        let asked = |trace| {
            let order = dispatch_to_wire(
                DispatchKind::Submit,
                &Dispatch { trace, ..dispatch(1, DispatchKind::Submit) },
                None,
            );
            (order.trace_http, order.reveal_secrets)
        };
        assert_eq!(asked(None), (false, false));
        assert_eq!(asked(Some(HttpTrace { reveal_secrets: false })), (true, false));
        assert_eq!(asked(Some(HttpTrace { reveal_secrets: true })), (true, true));
    }

    #[test]
    fn acknowledgements_and_drops_come_first() {
        let ack =
            |n| Ack { task: task(n), kind: crate::state::ReportKind::Heartbeat, stale: n == 1, _slot: None };
        let outgoing = Outgoing {
            acks: (0..2).map(ack).collect(),
            drops: vec![task(3)],
            dispatches: vec![(DispatchKind::Reconcile, Arc::new(dispatch(4, DispatchKind::Submit)))],
        };
        let messages = Encoder::default().messages(outgoing);
        let messages: Vec<_> = messages.into_iter().filter_map(|message| message.message).collect();
        let [Message::Acks(acks), Message::Drops(drops), Message::Dispatches(batch)] = &messages[..] else {
            panic!("{messages:?}")
        };
        assert_eq!(acks.acks.iter().map(|ack| ack.stale).collect::<Vec<_>>(), [false, true]);
        assert_eq!(drops.tasks, [task_to_wire(&task(3))]);
        // The kind that is due counts, not the one the body was made with.
        assert_eq!(batch.dispatches[0].kind(), wire::DispatchKind::Reconcile);
    }
}

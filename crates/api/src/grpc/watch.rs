//! An execution's events as they become durable.

use std::pin::Pin;
use std::task::{Context, Poll};

use newel_engine::request::EventBatch;
use newel_proto::v1::WatchExecutionResponse;
use tokio::sync::mpsc;
use tonic::Status;

use super::event::event;
use crate::refusal::Refusal;
use crate::service::fitting;

/// The engine's batches as messages, each cut to what clients take.
#[derive(Debug)]
pub(crate) struct Stream {
    batches: mpsc::Receiver<Result<EventBatch, newel_engine::Error>>,
    /// A batch of which the first events have been sent.
    rest: Option<(EventBatch, usize)>,
    data: bool,
    ended: bool,
}

pub(super) const fn stream(
    batches: mpsc::Receiver<Result<EventBatch, newel_engine::Error>>,
    data: bool,
) -> Stream {
    Stream { batches, rest: None, data, ended: false }
}

impl Stream {
    /// The next message of a batch from which `sent` events have gone.
    fn message(&mut self, batch: EventBatch, sent: usize) -> WatchExecutionResponse {
        let events = &batch.events[sent..];
        let count = if self.data { fitting(events) } else { events.len() };
        let last = sent + count == batch.events.len();
        let message = WatchExecutionResponse {
            events: events[..count].iter().map(|e| event(e, self.data)).collect(),
            closed: batch.closed && last,
        };
        self.ended = message.closed;
        self.rest = (!last).then_some((batch, sent + count));
        message
    }
}

impl tokio_stream::Stream for Stream {
    type Item = Result<WatchExecutionResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some((batch, sent)) = self.rest.take() {
            return Poll::Ready(Some(Ok(self.message(batch, sent))));
        }
        self.batches.poll_recv(cx).map(|received| match received? {
            Ok(batch) => Some(Ok(self.message(batch, 0))),
            Err(error) => {
                self.ended = true;
                Some(Err(Refusal::from(error).into()))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use newel_asl::Timestamp;
    use newel_machine::{Detail, Event};
    use newel_value::Payload;
    use tokio_stream::StreamExt as _;

    use super::*;

    fn batch(ids: std::ops::Range<u64>, bytes: usize, closed: bool) -> EventBatch {
        let output = Payload::from_checked_text(format!("\"{}\"", "x".repeat(bytes)));
        let event = |id| Event {
            id,
            previous: 0,
            timestamp: Timestamp::default(),
            detail: Detail::ExecutionSucceeded { output: output.clone() },
        };
        EventBatch { events: Arc::new(ids.map(event).collect()), closed }
    }

    async fn messages(data: bool) -> Vec<(Vec<u64>, bool)> {
        let (sender, receiver) = mpsc::channel(4);
        sender.send(Ok(batch(1..3, 10, false))).await.unwrap();
        sender.send(Ok(batch(3..6, 1_800_000, true))).await.unwrap();
        let stream = stream(receiver, data);
        stream
            .map(|m| m.map(|m| (m.events.iter().map(|e| e.id).collect(), m.closed)).unwrap())
            .collect()
            .await
    }

    #[tokio::test]
    async fn large_batches_are_cut_and_nothing_is_left_out() {
        let cut = vec![(vec![1, 2], false), (vec![3], false), (vec![4], false), (vec![5], true)];
        assert_eq!(messages(true).await, cut);
        assert_eq!(messages(false).await, vec![(vec![1, 2], false), (vec![3, 4, 5], true)]);
    }

    #[tokio::test]
    async fn an_error_ends_the_stream() {
        let (sender, receiver) = mpsc::channel(4);
        let error = newel_engine::Error::new(newel_engine::ErrorKind::Unavailable, "moving");
        sender.send(Err(error)).await.unwrap();
        let mut stream = stream(receiver, true);
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::Unavailable);
        assert!(stream.next().await.is_none());
    }
}

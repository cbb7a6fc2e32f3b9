//! An execution's events as they become durable.

use std::pin::Pin;
use std::task::{Context, Poll};

use newel_engine::request::EventBatch;
use newel_proto::v1::WatchExecutionResponse;
use tokio::sync::mpsc;
use tonic::Status;

use super::event::event;
use crate::refusal::Refusal;

/// The engine's batches as messages; the engine keeps them to what clients take.
#[derive(Debug)]
pub(crate) struct Stream {
    batches: mpsc::Receiver<Result<EventBatch, newel_engine::Error>>,
    data: bool,
    ended: bool,
}

pub(super) const fn stream(
    batches: mpsc::Receiver<Result<EventBatch, newel_engine::Error>>,
    data: bool,
) -> Stream {
    Stream { batches, data, ended: false }
}

impl tokio_stream::Stream for Stream {
    type Item = Result<WatchExecutionResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.batches.poll_recv(cx).map(|received| match received? {
            Ok(batch) => {
                self.ended = batch.closed;
                Some(Ok(WatchExecutionResponse {
                    events: batch.events.iter().map(|e| event(e, self.data)).collect(),
                    closed: batch.closed,
                }))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(Refusal::from(error).into()))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;

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

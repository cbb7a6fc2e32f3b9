//! An SQS queue of the services' own events about jobs, which has the poller look at a job when there is something to see.
//!
//! An event is only a hint: what became of a job is what describing it says, so a message that is lost, late, double or made up does
//! no more than to have the job described later or once more.
//!
//! A message about a job that is watched here is deleted. Any other may be about a job that another worker of the family watches, or
//! that is going to be watched in a moment, or that Newel has nothing to do with. It is left in the queue for a few seconds, to be
//! received again by whoever asks, and deleted once it has been received so often that nobody seems to want it.

use std::sync::Arc;
use std::time::Duration;

use newel_aws_catalog::Catalog;
use newel_aws_client::{Call, CallError, Client};
use newel_integrations::job_of_event;
use newel_value::{Object, Value};
use tokio_util::sync::CancellationToken;

use crate::adapter::Adapter;
use crate::attempt::Identity;
use crate::aws::{Access, Aws};
use crate::backoff::Backoff;
use crate::metrics::Metrics;
use crate::options::{Options, Queue};
use crate::poll::Poller;

/// Messages that one call receives: the service's limit.
const MESSAGES: i64 = 10;
/// Seconds that a call waits for a message: the service's limit.
const WAIT_SECONDS: u32 = 20;
/// What a call may take beyond the wait.
const CALL_SLACK: Duration = Duration::from_secs(10);
/// Seconds until a message that nobody here wants is received again.
const LEFT_SECONDS: i64 = 2;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A family's queue.
#[derive(Debug)]
pub(crate) struct EventQueue {
    family: &'static str,
    queue: Queue,
    receives: u64,
    aws: Aws,
    client: Client,
    catalog: Arc<Catalog>,
    metrics: Metrics,
}

/// A message as it was received.
struct Message {
    receipt: Value,
    body: String,
    receives: u64,
}

/// What is to become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Deleted,
    Left,
}

impl EventQueue {
    /// The queue of an adapter's family, if one is configured.
    ///
    /// # Errors
    /// One is configured, and no event tells of the family's jobs.
    pub(crate) async fn new(
        options: &Options,
        adapter: &dyn Adapter,
        metrics: &Metrics,
    ) -> Result<Option<Self>, String> {
        let family = adapter.family();
        let Some(queue) = options.events.queue(family)? else { return Ok(None) };
        let Some(catalog) = adapter.event_models() else {
            return Err(format!("worker.events.queues.{family}: no events tell of the jobs of this family"));
        };
        Ok(Some(Self {
            family,
            queue,
            receives: u64::from(options.events.receives),
            aws: Aws::load(options.aws.clone()).await,
            client: Client::new(Arc::clone(&catalog)),
            catalog,
            metrics: metrics.clone(),
        }))
    }

    /// Receives until told to stop.
    pub(crate) async fn run(self, poller: Arc<Poller>, stop: CancellationToken) {
        tracing::info!(family = self.family, queue = self.queue.url, "listening to job events");
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        // What is dropped in the middle of a round is received again.
        while let Some(round) = stop.run_until_cancelled(Box::pin(self.round(&poller))).await {
            match round {
                Ok(()) => backoff.reset(),
                Err(cause) => {
                    tracing::warn!(
                        family = self.family,
                        cause,
                        "the queue of job events can't be used; trying again"
                    );
                    if stop.run_until_cancelled(tokio::time::sleep(backoff.next())).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    async fn round(&self, poller: &Poller) -> Result<(), String> {
        let messages = self.receive().await?;
        let (mut deleted, mut left) = (Vec::new(), Vec::new());
        for message in messages {
            match self.judge(&message, poller) {
                Fate::Deleted => deleted.push(message.receipt),
                Fate::Left => left.push(message.receipt),
            }
        }
        self.for_all("DeleteMessageBatch", deleted, &[]).await?;
        let until = [("VisibilityTimeout", Value::from(LEFT_SECONDS))];
        self.for_all("ChangeMessageVisibilityBatch", left, &until).await
    }

    /// Has a message's job looked at, if it has one that is watched here.
    fn judge(&self, message: &Message, poller: &Poller) -> Fate {
        let Ok(event) = Value::parse(&message.body) else {
            self.metrics.event("unreadable");
            return Fate::Deleted;
        };
        let ids = job_of_event(self.family, &event).unwrap_or_default();
        // All of them, not just the first.
        if ids.iter().filter(|id| poller.hasten(id)).count() > 0 {
            self.metrics.event("watched");
            return Fate::Deleted;
        }
        if message.receives >= self.receives {
            self.metrics.event("unwanted");
            return Fate::Deleted;
        }
        self.metrics.event("left");
        Fate::Left
    }

    async fn receive(&self) -> Result<Vec<Message>, String> {
        let names = Value::from(vec![Value::from("ApproximateReceiveCount")]);
        let request = [
            ("QueueUrl", Value::from(self.queue.url.as_str())),
            ("MaxNumberOfMessages", MESSAGES.into()),
            ("WaitTimeSeconds", i64::from(WAIT_SECONDS).into()),
            // Both names: the second is the newer one, which not every stand-in knows.
            ("AttributeNames", names.clone()),
            ("MessageSystemAttributeNames", names),
        ];
        let answer = self.call("ReceiveMessage", request.into_iter().collect::<Object>().into()).await?;
        let messages = answer.get("Messages").and_then(Value::as_array).unwrap_or_default();
        let read = |message: &Value| {
            let count = message.pointer("/Attributes/ApproximateReceiveCount").and_then(Value::as_str);
            Some(Message {
                receipt: message.get("ReceiptHandle")?.clone(),
                body: message.get("Body")?.as_str()?.to_owned(),
                receives: count.and_then(|count| count.parse().ok()).unwrap_or(u64::MAX),
            })
        };
        Ok(messages.iter().filter_map(read).collect())
    }

    /// Does something to messages with one call.
    async fn for_all(
        &self,
        operation: &str,
        receipts: Vec<Value>,
        more: &[(&str, Value)],
    ) -> Result<(), String> {
        if receipts.is_empty() {
            return Ok(());
        }
        let entry = |(number, receipt): (usize, Value)| -> Value {
            let own = [("Id", Value::from(number.to_string())), ("ReceiptHandle", receipt)];
            let more = more.iter().map(|(name, value)| (*name, value.clone()));
            own.into_iter().chain(more).collect::<Object>().into()
        };
        let entries: Value = receipts.into_iter().enumerate().map(entry).collect();
        let request = [("QueueUrl", Value::from(self.queue.url.as_str())), ("Entries", entries)];
        // Messages that the call didn't take are received again.
        self.call(operation, request.into_iter().collect::<Object>().into()).await.map(drop)
    }

    async fn call(&self, operation: &str, body: Value) -> Result<Value, String> {
        let identity = Identity {
            account: self.queue.account.as_str().into(),
            region: self.queue.region.as_str().into(),
            machine_role: "".into(),
            task_role: None,
        };
        let caller = self.aws.caller(&identity, "newel-events").await.map_err(|access| match access {
            Access::Denied(failure) => failure.cause,
            Access::Unreachable(cause) => cause,
        })?;
        let service = self.catalog.service("sqs").map_err(|error| error.to_string())?;
        let model = service.and_then(|service| Some((service, service.operation(operation)?)));
        let (service, found) = model.ok_or_else(|| format!("the service catalog has no sqs:{operation}"))?;
        let timeout = Some(Duration::from_secs(u64::from(WAIT_SECONDS)) + CALL_SLACK);
        let call = Call { timeout, ..Call::new(service, found, &body) };
        let answer = self.client.call(&caller, call).await;
        answer.map(|answer| answer.body).map_err(|error| cause(&error))
    }
}

/// What went wrong, without what was sent or came.
fn cause(error: &CallError) -> String {
    match error {
        CallError::NotSent(cause) | CallError::Unknown { cause, .. } => cause.clone(),
        CallError::Refused { error, .. } => {
            format!("{}: {}", error.code, error.message.as_deref().unwrap_or_default())
        }
        CallError::TooLarge { .. } => "the answer is larger than can be read".to_owned(),
    }
}

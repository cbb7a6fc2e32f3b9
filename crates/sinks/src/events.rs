//! Status-change events of Standard executions. Express executions have none, as with AWS.

use std::sync::Arc;

use newel_asl::MachineType;
use newel_engine::Committed;

use crate::delivery::Deliveries;
use crate::eventbridge::EventBridgeSink;
use crate::file::FileSink;
use crate::options::EventOptions;
use crate::queue::Queue;
use crate::service::Service;
use crate::status::StatusEvent;
use crate::webhook::WebhookSink;

/// Takes the events that give executions another status.
#[derive(Debug, Default)]
pub struct Events {
    queues: Vec<Queue<StatusEvent>>,
}

impl Events {
    /// The sinks that are configured.
    ///
    /// # Errors
    /// The webhook's URL is none, or there are no certificates to verify it with.
    pub fn new(options: &EventOptions, deliveries: &Arc<Deliveries>) -> Result<(Self, Vec<Service>), String> {
        let EventOptions { queue, queue_bytes, .. } = *options;
        let mut built = Vec::new();
        if let Some(path) = &options.file {
            let sink = FileSink::new(path.clone(), options.file_bytes, options.file_keep);
            built.push(Service::new("events", sink, queue, queue_bytes));
        }
        if let Some(url) = &options.webhook_url {
            built.push(Service::new("events", WebhookSink::new(url, options)?, queue, queue_bytes));
        }
        if options.eventbridge {
            let sink = EventBridgeSink::new(Arc::clone(deliveries), options);
            built.push(Service::remote("events", sink, queue, queue_bytes));
        }
        let (queues, services) = built.into_iter().unzip();
        Ok((Self { queues }, services))
    }

    /// Events of an execution can't be taken back any more.
    pub fn committed(&self, turn: &Committed<'_>) {
        if self.queues.is_empty() || turn.machine_type != MachineType::Standard {
            return;
        }
        for event in turn.events.iter().filter_map(|event| StatusEvent::of(turn, event)) {
            let event = Arc::new(event);
            self.queues.iter().for_each(|queue| queue.put(&event));
        }
    }
}

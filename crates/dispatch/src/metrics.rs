//! What a collector sees of the hub: levels and totals that [`Hub::stats`] has anyway, read when somebody collects.

use std::sync::{Arc, Weak};

use opentelemetry::{KeyValue, global};

use crate::Hub;
use crate::state::FamilyStats;

type Figure = fn(&FamilyStats) -> u64;

const LEVELS: [(&str, &str, Figure); 4] = [
    ("newel.dispatch.sessions", "Open worker sessions.", |stats| stats.sessions as u64),
    ("newel.dispatch.queued", "Attempts that wait for a session or its credit.", |stats| stats.queued as u64),
    ("newel.dispatch.outstanding", "Attempts that aren't settled.", |stats| stats.outstanding as u64),
    ("newel.dispatch.queued_bodies", "Bytes of queued dispatches in memory.", |stats| {
        stats.queued_body_bytes as u64
    }),
];

const TOTALS: [(&str, &str, Figure); 2] = [
    ("newel.dispatch.sent", "Dispatches sent to workers.", |stats| stats.sent),
    ("newel.dispatch.acknowledged", "Reports acknowledged.", |stats| stats.acknowledged),
];

/// Makes the instruments. They live as long as the meter provider and hold the hub weakly.
pub(crate) fn observe(hub: &Arc<Hub>) {
    let meter = global::meter("newel.dispatch");
    for (name, description, figure) in LEVELS {
        let hub = Arc::downgrade(hub);
        let gauge = meter.u64_observable_gauge(name).with_description(description);
        gauge
            .with_callback(move |observer| {
                each(&hub, figure, |value, labels| observer.observe(value, labels))
            })
            .build();
    }
    for (name, description, figure) in TOTALS {
        let hub = Arc::downgrade(hub);
        let counter = meter.u64_observable_counter(name).with_description(description);
        counter
            .with_callback(move |observer| {
                each(&hub, figure, |value, labels| observer.observe(value, labels))
            })
            .build();
    }
}

fn each(hub: &Weak<Hub>, figure: Figure, observe: impl Fn(u64, &[KeyValue])) {
    let Some(hub) = hub.upgrade() else { return };
    for stats in hub.stats() {
        observe(figure(&stats), &[KeyValue::new("family", Arc::clone(&stats.family))]);
    }
}

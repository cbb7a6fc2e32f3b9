//! History events in AWS JSON
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).

use newel_machine::{Event, Told};
use newel_value::object;

use super::instant::Instants as _;

/// Appends an event; without `data`, inputs, outputs and what goes with them are left out.
pub(super) fn write_event(event: &Event, data: bool, out: &mut String) {
    let told = if data { Told::Whole } else { Told::Nothing };
    object(out, |m| {
        m.instant("timestamp", event.timestamp);
        m.text("type", event.detail.type_name());
        m.number("id", event.id);
        m.number("previousEventId", event.previous);
        if let Some(member) = event.detail.member() {
            m.object(member, |m| event.detail.write_details(told, m));
        }
    });
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;

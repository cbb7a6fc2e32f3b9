//! Answers that are streams of events (`application/vnd.amazon.eventstream`), read to their end: a list with one object for
//! each event, whose one member is the event's name.
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use bytes::{Buf as _, Bytes};
use newel_value::{Object, Value};

use super::json;

/// The events of a body. A failure that the service tells of in the stream is an event like any other, by the name of its
/// shape or code.
///
/// # Errors
/// Why the body isn't such a stream, that it breaks off within an event, or that the service gave up.
pub(super) fn read(body: &[u8]) -> Result<Value, String> {
    let mut rest = Bytes::copy_from_slice(body);
    let mut decoder = MessageFrameDecoder::new();
    let mut events = Vec::new();
    while rest.has_remaining() {
        match decoder.decode_frame(&mut rest).map_err(|error| format!("the events can't be read: {error}"))? {
            DecodedFrame::Complete(message) => events.extend(event(&message)?),
            DecodedFrame::Incomplete => return Err("the answer breaks off within an event".to_owned()),
        }
    }
    Ok(events.into())
}

/// One event; none for a frame that is the protocol's own.
fn event(message: &Message) -> Result<Option<Value>, String> {
    let header = |name: &str| {
        let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
        header.value().as_string().ok().map(|text| text.as_str())
    };
    let one = |name: &str, value: Value| Value::Object([(name, value)].into_iter().collect::<Object>());
    match header(":message-type") {
        Some("event") => {
            let Some(name) = header(":event-type").filter(|name| *name != "initial-response") else {
                return Ok(None);
            };
            Ok(Some(one(name, json::parse(message.payload())?)))
        }
        Some("exception") => {
            let name = header(":exception-type").unwrap_or("exception");
            // What is wrong is told by the name; a payload that can't be read takes nothing from that.
            Ok(Some(one(name, json::parse(message.payload()).unwrap_or_else(|_| Value::empty_object()))))
        }
        Some("error") => {
            let [code, text] =
                [":error-code", ":error-message"].map(|name| header(name).unwrap_or("unknown"));
            Err(format!("the service broke off: {code}: {text}"))
        }
        other => Err(format!("an event is of the unknown type {other:?}")),
    }
}

//! Answers that are streams of events, as they are on the wire.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use newel_aws_catalog::Catalog;
use newel_aws_client::Call;
use newel_aws_client::codec::{self, Response};
use newel_value::Value;

const MODEL: &str = r#"{
    "metadata": {"serviceId": "Case", "serviceFullName": "Case", "endpointPrefix": "case", "signatureVersion": "v4",
                 "apiVersion": "2026-01-01", "protocol": "rest-json"},
    "operations": {
        "Ask": {"name": "Ask", "http": {"method": "POST", "requestUri": "/"}, "output": {"shape": "Answer"}},
        "Plain": {"name": "Plain", "http": {"method": "POST", "requestUri": "/"}, "output": {"shape": "Word"}}
    },
    "shapes": {
        "Text": {"type": "string"},
        "Answer": {"type": "structure", "payload": "stream", "members": {
            "stream": {"shape": "Events"},
            "session": {"shape": "Text", "location": "header", "locationName": "x-session"}}},
        "Events": {"type": "structure", "eventstream": true, "members": {
            "word": {"shape": "Word"}, "refused": {"shape": "Refused"}}},
        "Word": {"type": "structure", "event": true, "members": {"text": {"shape": "Text"}}},
        "Refused": {"type": "structure", "exception": true, "members": {"message": {"shape": "Text"}}}
    }
}"#;

fn frame(kind: &str, headers: &[(&'static str, &str)], payload: &str) -> Vec<u8> {
    let text = |value: &str| HeaderValue::String(value.to_owned().into());
    let mut message = Message::new(payload.to_owned()).add_header(Header::new(":message-type", text(kind)));
    for (name, value) in headers {
        message = message.add_header(Header::new(*name, text(value)));
    }
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    frame("event", &[(":event-type", name), (":content-type", "application/json")], payload)
}

fn read(body: &[u8]) -> Result<String, String> {
    let catalog = Catalog::from_models([("case", &Value::parse(MODEL).unwrap())]).unwrap();
    let service = catalog.botocore("case").unwrap().unwrap();
    let headers = [("x-session".to_owned(), "s".to_owned())];
    let response = Response { status: 200, headers: &headers, body };
    codec::read(service, service.operation("Ask").unwrap(), response).map(|value| value.to_json())
}

#[test]
fn events_come_in_their_order_with_their_names() {
    let body = [
        event("initial-response", "{}"),
        event("word", r#"{"text":"a"}"#),
        event("word", ""),
        event("later", r#"{"new":1}"#),
        frame("exception", &[(":exception-type", "refused")], r#"{"message":"no"}"#),
    ];
    assert_eq!(
        read(&body.concat()).unwrap(),
        r#"{"session":"s","stream":[{"word":{"text":"a"}},{"word":{}},{"later":{"new":1}},{"refused":{"message":"no"}}]}"#
    );
    assert_eq!(read(b"").unwrap(), r#"{"session":"s","stream":[]}"#);
}

#[test]
fn a_stream_that_ends_badly_is_no_answer() {
    let whole = event("word", r#"{"text":"a"}"#);
    for end in 1..whole.len() {
        assert!(read(&whole[..end]).is_err(), "{end}");
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        assert!(read(&damaged).is_err(), "{at}");
    }
    let given_up = frame("error", &[(":error-code", "Busy"), (":error-message", "later")], "");
    assert_eq!(read(&given_up).unwrap_err(), "the service broke off: Busy: later");
    assert!(read(&event("word", "not json")).is_err());
    assert!(read(&frame("whatever", &[], "")).is_err());
}

#[test]
fn the_model_tells_who_answers_so() {
    let catalog = Catalog::from_models([("case", &Value::parse(MODEL).unwrap())]).unwrap();
    let service = catalog.botocore("case").unwrap().unwrap();
    let events = |name: &str| Call::answers_with_events(service, service.operation(name).unwrap());
    assert!(events("Ask") && !events("Plain"));
}

//! Corners of the codecs that AWS's own cases don't reach, each by a model of its own.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use newel_aws_catalog::{Catalog, Operation, Service};
use newel_aws_client::codec::{self, Request, Response};
use newel_value::Value;

const MODEL: &str = r#"{
    "metadata": {"serviceId": "Case", "serviceFullName": "Case", "endpointPrefix": "case", "signatureVersion": "v4",
                 "apiVersion": "2026-01-01", "protocol": "PROTOCOL", "targetPrefix": "Case", "jsonVersion": "1.0"},
    "operations": {
        "Put": {"name": "Put", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Tree"},
                "output": {"shape": "Tree"}, "requestcompression": {"encodings": ["gzip"]}}
    },
    "shapes": {
        "Text": {"type": "string"},
        "Blob": {"type": "blob"},
        "Trees": {"type": "list", "member": {"shape": "Tree"}},
        "Tree": {"type": "structure", "members": {
            "Token": {"shape": "Text", "idempotencyToken": true}, "Data": {"shape": "Blob"}, "Name": {"shape": "Text"},
            "Child": {"shape": "Tree"}, "Children": {"shape": "Trees"}}}
    }
}"#;

fn with<T>(protocol: &str, run: impl FnOnce(&Service, &Operation) -> T) -> T {
    let model = Value::parse(&MODEL.replace("PROTOCOL", protocol)).unwrap();
    let catalog = Catalog::from_models([("case", &model)]).unwrap();
    let service = catalog.botocore("case").unwrap().unwrap();
    run(service, service.operation("Put").unwrap())
}

fn read(protocol: &str, body: &[u8]) -> Result<Value, String> {
    with(protocol, |service, operation| {
        codec::read(service, operation, Response { status: 200, headers: &[], body })
    })
}

fn written(size: usize) -> Request {
    with("json", |service, operation| {
        let body = Value::Object([("Name", Value::from("a".repeat(size)))].into_iter().collect());
        let request = codec::write(service, operation, &body).unwrap();
        codec::finished(service, operation, &body, request).unwrap()
    })
}

#[test]
fn bodies_are_compressed_from_ten_kibibytes_on() {
    let around = r#"{"Name":""}"#.len();
    let plain = written(10_239 - around);
    assert_eq!(plain.body.len(), 10_239);
    assert!(plain.headers.iter().all(|(name, _)| name != "content-encoding"));
    let packed = written(10_240 - around);
    assert!(packed.body.len() < 1_000);
    assert!(packed.headers.contains(&("content-encoding".to_owned(), "gzip".to_owned())));
}

#[test]
fn a_token_fills_only_what_is_absent() {
    with("json", |service, operation| {
        let filled =
            |body: &str| codec::with_token(service, operation, &Value::parse(body).unwrap(), "t").to_json();
        assert_eq!(filled("{}"), r#"{"Token":"t"}"#);
        assert_eq!(filled("null"), r#"{"Token":"t"}"#);
        assert_eq!(filled(r#"{"Token":null}"#), r#"{"Token":"t"}"#);
        assert_eq!(filled(r#"{"Token":"mine"}"#), r#"{"Token":"mine"}"#);
        // Somebody who gives none at all isn't somebody who forgot it.
        assert_eq!(filled(r#"{"Token":""}"#), r#"{"Token":""}"#);
        assert_eq!(filled(r#"{"Child":{}}"#), r#"{"Child":{},"Token":"t"}"#);
    });
}

#[test]
fn depth_is_bounded_in_every_format() {
    let depth = 100_000;
    let xml = format!("<PutResponse>{}{}</PutResponse>", "<Child>".repeat(depth), "</Child>".repeat(depth));
    let json = format!("{}{}", r#"{"Child":"#.repeat(depth), "}".repeat(depth));
    let mut cbor = [&[0xa1, 0x65][..], b"Child"].concat().repeat(depth);
    cbor.push(0xa0);
    assert!(read("json", json.as_bytes()).unwrap_err().contains("JSON"));
    assert!(read("smithy-rpc-v2-cbor", &cbor).unwrap_err().contains("CBOR"));
    for protocol in ["rest-xml", "query", "ec2"] {
        let text = read(protocol, xml.as_bytes()).map(|value| value.to_json().len());
        assert!(
            text.as_ref().is_err() || text.as_ref().is_ok_and(|len| *len < 10_000),
            "{protocol}: {text:?}"
        );
    }
}

#[test]
fn cbor_that_lies_about_its_length_costs_nothing() {
    for head in [0x5b_u8, 0x7b, 0x9b, 0xbb] {
        for length in [u64::MAX, 1 << 40] {
            let body = [&[head][..], &length.to_be_bytes()].concat();
            assert!(read("smithy-rpc-v2-cbor", &body).is_err(), "{head:#x} {length}");
        }
    }
    for body in [&b"\xff"[..], b"\xa1", b"\xa1\x65Child", b"\xf8", b"\x5f", b"\x1c", b"\xa1\x61\xff\x00"] {
        assert!(read("smithy-rpc-v2-cbor", body).is_err(), "{body:x?}");
    }
}

#[test]
fn a_document_type_is_refused() {
    let xml = br#"<!DOCTYPE a [<!ENTITY b "c">]><PutResponse><Name>&b;</Name></PutResponse>"#;
    for protocol in ["rest-xml", "query", "ec2"] {
        assert!(read(protocol, xml).unwrap_err().contains("XML"), "{protocol}");
    }
}

/// Every prefix and every damaged byte of a good answer is read or refused.
#[test]
fn damaged_answers_never_panic() {
    let xml = br#"<?xml version="1.0"?><PutResponse><PutResult><Name>n &amp; m</Name><Children><member><Data>aGk=</Data></member></Children></PutResult></PutResponse>"#;
    let json = br#"{"Name":"n","Children":[{"Data":"aGk="}],"Child":{"Name":"\u00e4"}}"#;
    let cbor = b"\xa2\x64Name\x61n\x68Children\x81\xa1\x64Data\x42hi";
    let formats: [(&str, &[u8]); 6] = [
        ("rest-xml", xml),
        ("query", xml),
        ("ec2", xml),
        ("json", json),
        ("rest-json", json),
        ("smithy-rpc-v2-cbor", cbor),
    ];
    for (protocol, body) in formats {
        with(protocol, |service, operation| {
            let try_out = |body: &[u8]| {
                let response = Response { status: 400, headers: &[], body };
                let _ = codec::read(service, operation, response);
                assert_eq!(codec::read_error(service, operation, response).status, 400);
            };
            for at in 0..body.len() {
                try_out(&body[..at]);
                for damage in [0x00, 0x3c, 0x7f, 0xff] {
                    let mut damaged = body.to_vec();
                    damaged[at] ^= damage;
                    try_out(&damaged);
                }
            }
        });
    }
}

//! AWS's own protocol cases: what a request looks like, what an answer says.
//!
//! The cases stay where `NEWEL_CONFORMANCE` says; without them this test says that it skips.

#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is what it is for")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use newel_aws_catalog::model::TimestampFormat;
use newel_aws_catalog::{Catalog, Service, ShapeId, ShapeKind, rewrite_timestamp};
use newel_aws_client::codec::{self, Response};
use newel_value::{Object, Value};

use common::to_wire;

const TOKEN: &str = "00000000-0000-4000-8000-000000000000";

fn cases() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let root = std::env::var_os("NEWEL_CONFORMANCE").map_or(default, PathBuf::from);
    let folder = root.join("aws-protocols/protocols");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no recorded cases at {}", folder.display());
    None
}

fn json(path: &Path) -> Value {
    Value::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'v>(of: &'v Value, name: &str) -> Option<&'v str> {
    of.get(name).and_then(Value::as_str)
}

/// A catalog of one service with the case's operation, named `case`.
fn catalog(suite: &Value, case: &Value) -> Catalog {
    let mut metadata = suite.get("metadata").unwrap().as_object().unwrap().to_builder();
    for (name, value) in [
        ("serviceId", "Case"),
        ("serviceFullName", "Case"),
        ("endpointPrefix", "case"),
        ("signatureVersion", "v4"),
        ("apiVersion", "2026-01-01"),
    ] {
        if metadata.get(name).is_none() {
            metadata.insert(name, value);
        }
    }
    let given = case.get("given").unwrap();
    let name = text(given, "name").unwrap();
    let mut operation = given.as_object().unwrap().to_builder();
    if given.get("http").is_none() {
        operation.insert("http", Value::parse(r#"{"method":"POST","requestUri":"/"}"#).unwrap());
    }
    let operations: Object = [(name, Value::from(operation.build()))].into_iter().collect();
    let model: Object = [
        ("metadata", Value::from(metadata.build())),
        ("operations", operations.into()),
        ("shapes", suite.get("shapes").cloned().unwrap_or_else(Value::empty_object)),
    ]
    .into_iter()
    .collect();
    Catalog::from_models([("case", &model.into())]).unwrap()
}

/// What botocore would give of the wire's JSON, in the cases' way of writing it.
fn shown(service: &Service, id: ShapeId, value: &Value) -> Value {
    match (&service.shape(id).kind, value) {
        (ShapeKind::Structure(structure), Value::Object(object)) => {
            let mut seen = newel_value::ObjectBuilder::default();
            for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
                let member = structure.members.iter().find(|member| member.wire_name() == key);
                if let Some(member) = member {
                    seen.insert(member.name.clone(), shown(service, member.shape, value));
                }
            }
            seen.build().into()
        }
        (ShapeKind::List(list), Value::Array(items)) => {
            let items = items.iter().filter(|item| list.sparse || !item.is_null());
            items.map(|item| shown(service, list.member, item)).collect()
        }
        (ShapeKind::Map(map), Value::Object(object)) => {
            let entries = object.iter().filter(|(_, value)| map.sparse || !value.is_null());
            Value::Object(
                entries.map(|(key, value)| (key.clone(), shown(service, map.value, value))).collect(),
            )
        }
        (ShapeKind::Blob { .. }, Value::String(text)) => {
            let bytes = BASE64.decode(&**text).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned().into()
        }
        (ShapeKind::Timestamp(_), value) => rewrite_timestamp(value, TimestampFormat::EpochSeconds),
        _ => value.clone(),
    }
}

/// Whether two values say the same: numbers nearly, objects in any order.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64(), b.as_f64());
            (a - b).abs() <= 1e-6 * a.abs().max(1.0)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// A form's or a query's pairs, in order of their keys.
fn pairs(text: &str) -> Vec<String> {
    let mut pairs: Vec<String> = text.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
    for pair in &mut pairs {
        if !pair.contains('=') {
            pair.push('=');
        }
    }
    pairs.sort();
    pairs
}

/// An XML document's elements as a tree that compares: attributes sorted, white space between elements gone.
fn canonical(text: &str) -> String {
    fn write(node: roxmltree::Node<'_, '_>, out: &mut String) {
        if let Some(text) = node.text().filter(|_| node.is_text()) {
            let alone = node.prev_sibling().is_none() && node.next_sibling().is_none();
            if alone || !text.trim().is_empty() {
                out.push_str(text);
            }
            return;
        }
        let mut attributes: Vec<String> =
            node.attributes().map(|a| format!("{:?}{}={}", a.namespace(), a.name(), a.value())).collect();
        let parent = node.parent_element();
        let inherited = |space: &roxmltree::Namespace<'_>| {
            parent.is_some_and(|parent| parent.namespaces().any(|known| known == space))
        };
        attributes.extend(
            node.namespaces().filter(|s| !inherited(s)).map(|s| format!("{:?}:{}", s.name(), s.uri())),
        );
        attributes.sort();
        out.push_str(&format!("<{} {}>", node.tag_name().name(), attributes.join(" ")));
        let mut children: Vec<String> = node
            .children()
            .map(|child| {
                let mut text = String::new();
                write(child, &mut text);
                text
            })
            .collect();
        children.retain(|child| !child.is_empty());
        // Members may come in any order; elements of one list keep theirs, since they have one name.
        children.sort_by_key(|child| child.split([' ', '>']).next().unwrap_or_default().to_owned());
        out.push_str(&children.concat());
        out.push_str("</>");
    }
    match roxmltree::Document::parse(text.trim()) {
        Ok(document) => {
            let mut out = String::new();
            write(document.root_element(), &mut out);
            out
        }
        Err(_) => text.to_owned(),
    }
}

fn same_body(protocol: &str, expected: &str, body: &[u8]) -> Result<(), String> {
    let differ = || Err(format!("body {:?} instead of {expected:?}", String::from_utf8_lossy(body)));
    if protocol.contains("cbor") {
        let cbor = |bytes: &[u8]| ciborium::from_reader::<ciborium::Value, _>(bytes).ok();
        let expected = BASE64.decode(expected).unwrap();
        let same = expected == body || same_cbor(&cbor(&expected), &cbor(body));
        return if same { Ok(()) } else { Err(format!("{:?} instead of {:?}", cbor(body), cbor(&expected))) };
    }
    let Ok(body_text) = std::str::from_utf8(body) else { return differ() };
    let equal = match protocol {
        "query" | "ec2" => pairs(expected) == pairs(body_text),
        "rest-xml" => canonical(expected) == canonical(body_text),
        _ => match (Value::parse(expected), Value::parse(body_text)) {
            (Ok(a), Ok(b)) => same(&a, &b),
            _ => expected == body_text,
        },
    };
    if equal { Ok(()) } else { differ() }
}

fn same_cbor(a: &Option<ciborium::Value>, b: &Option<ciborium::Value>) -> bool {
    fn sorted(value: &ciborium::Value) -> String {
        match value {
            ciborium::Value::Map(entries) => {
                let mut entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{key:?}:{}", sorted(value))).collect();
                entries.sort();
                format!("{{{}}}", entries.join(","))
            }
            ciborium::Value::Array(items) => {
                format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(","))
            }
            ciborium::Value::Tag(tag, inner) => format!("{tag}({})", sorted(inner)),
            // A whole number is one, however many bytes it takes.
            ciborium::Value::Float(float) => format!("{float:?}"),
            ciborium::Value::Integer(int) => format!("{:?}", i128::from(*int) as f64),
            other => format!("{other:?}"),
        }
    }
    a.is_some() && b.is_some() && a.as_ref().map(sorted) == b.as_ref().map(sorted)
}

fn check_request(protocol: &str, suite: &Value, case: &Value) -> Result<(), String> {
    let catalog = catalog(suite, case);
    let service = catalog.botocore("case").unwrap().unwrap();
    let operation = &service.operations()[0];
    let params = case.get("params").cloned().unwrap_or_else(Value::empty_object);
    let body = operation.input.map_or(Value::empty_object(), |input| to_wire(service, input, &params));
    let body = codec::with_token(service, operation, &body, TOKEN);
    let request = codec::write(service, operation, &body).map_err(|error| format!("{error:?}"))?;
    let request =
        codec::finished(service, operation, &body, request).map_err(|error| format!("{error:?}"))?;
    let expected = case.get("serialized").unwrap();
    if let Some(method) = text(expected, "method")
        && method != request.method
    {
        return Err(format!("method {} instead of {method}", request.method));
    }
    let uri = text(expected, "uri").unwrap_or("/");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    // The endpoint may have a path of its own, which the runtime puts before the request's.
    let base = text(suite, "clientEndpoint").and_then(|url| url.split("://").nth(1)?.split_once('/'));
    let base = base.map(|(_, path)| format!("/{}", path.trim_end_matches('/'))).filter(|base| base.len() > 1);
    let path = base.as_deref().and_then(|base| path.strip_prefix(base)).unwrap_or(path);
    if path != request.path || pairs(query) != pairs(&request.query) {
        return Err(format!("{}?{} instead of {uri}", request.path, request.query));
    }
    for (name, value) in expected.get("headers").and_then(Value::as_object).iter().flat_map(|h| h.iter()) {
        let found = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let unspaced = |text: &str| text.replace(", ", ",");
        if found.map(|(_, v)| unspaced(v)) != value.as_str().map(unspaced) {
            return Err(format!("header {name} is {found:?} instead of {value}"));
        }
    }
    for name in expected.get("forbidHeaders").and_then(Value::as_array).unwrap_or_default() {
        let name = name.as_str().unwrap();
        if request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Err(format!("header {name} is there"));
        }
    }
    match text(expected, "body") {
        Some(_) if request.headers.iter().any(|(name, _)| name == "content-encoding") => Ok(()),
        Some(body) => same_body(protocol, body, &request.body),
        None => Ok(()),
    }
}

fn check_response(protocol: &str, suite: &Value, case: &Value) -> Result<(), String> {
    let catalog = catalog(suite, case);
    let service = catalog.botocore("case").unwrap().unwrap();
    let operation = &service.operations()[0];
    let response = case.get("response").unwrap();
    let headers: Vec<(String, String)> = response
        .get("headers")
        .and_then(Value::as_object)
        .iter()
        .flat_map(|headers| headers.iter())
        .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned()))
        .collect();
    let body = text(response, "body").unwrap_or_default();
    let body =
        if protocol.contains("cbor") { BASE64.decode(body).unwrap() } else { body.as_bytes().to_vec() };
    let status = u16::try_from(response.get("status_code").and_then(Value::as_i64).unwrap_or(200)).unwrap();
    let response = Response { status, headers: &headers, body: &body };
    if let Some(code) = text(case, "errorCode") {
        let error = codec::read_error(service, operation, response);
        let message = text(case, "errorMessage");
        if error.code() != code || message.is_some_and(|message| error.message.as_deref() != Some(message)) {
            return Err(format!("{error:?} instead of {code}: {message:?}"));
        }
        let expected = case.get("error").cloned().unwrap_or_else(Value::empty_object);
        let shape = service.error(error.code()).and_then(|shape| service.shape_named(&shape.name));
        let members = shape.map_or(Value::empty_object(), |shape| shown(service, shape, &error.members));
        return if same(&expected, &members) {
            Ok(())
        } else {
            Err(format!("{members} instead of {expected}"))
        };
    }
    let read = codec::read(service, operation, response)?;
    let read = operation.output.map_or(Value::empty_object(), |output| shown(service, output, &read));
    let expected = case.get("result").cloned().unwrap_or_else(Value::empty_object);
    if same(&expected, &read) { Ok(()) } else { Err(format!("{read} instead of {expected}")) }
}

type Check = fn(&str, &Value, &Value) -> Result<(), String>;

fn run(kind: &str, check: Check) {
    let Some(folder) = cases() else { return };
    let mut passed = 0;
    let mut failures: BTreeMap<String, String> = BTreeMap::new();
    let ignored = json(&folder.join("protocol-tests-ignore-list.json")).to_json();
    let mut skipped = 0;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder.join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        for suite in json(&file).as_array().unwrap() {
            let protocol = text(suite.get("metadata").unwrap(), "protocol").unwrap().to_owned();
            for case in suite.get("cases").and_then(Value::as_array).unwrap() {
                let id = text(case, "id").unwrap();
                match check(&protocol, suite, case) {
                    Ok(()) => passed += 1,
                    Err(_) if ignored.contains(&format!("\"{id}\"")) => skipped += 1,
                    Err(problem) => {
                        failures.insert(id.to_owned(), problem);
                    }
                }
            }
        }
    }
    println!("{kind}: {passed} passed, {skipped} that botocore skips too, {} failed", failures.len());
    for (id, problem) in &failures {
        println!("  {id}: {problem}");
    }
    assert!(failures.is_empty(), "{} of {} cases failed", failures.len(), passed + failures.len());
}

#[test]
fn requests_are_written_as_aws_writes_them() {
    run("input", check_request);
}

#[test]
fn answers_are_read_as_aws_reads_them() {
    run("output", check_response);
}

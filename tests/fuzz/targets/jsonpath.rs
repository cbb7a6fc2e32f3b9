//! JSONPath: a path and a document, apart by a line feed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use newel_jsonpath::{JsonPath, ReferencePath};
use newel_value::Value;

fuzz_target!(|text: &str| {
    let (path, document) = text.split_once('\n').unwrap_or((text, r#"{"a":[1,{"b":"x"},[2,3]],"c":{"d":null}}"#));
    let Ok(document) = Value::parse(document) else { return };
    if let Ok(path) = JsonPath::parse(path) {
        let _found = path.query(&document);
    }
    if let Ok(reference) = ReferencePath::parse(path) {
        let _set = reference.set(&document, Value::from(1));
    }
});

//! No text panics; what is refused is refused with a reason; what isn't compiles.

use newel_asl::{Limits, MachineType, arn::Arn, compile, name, validate};
use newel_value::{ObjectBuilder, Value};
use proptest::prelude::*;

use crate::catalog::TestCatalog;

/// A definition with something of everything.
const EVERYTHING: &str = r#"{
  "StartAt": "Pass", "TimeoutSeconds": 60, "Version": "1.0", "Comment": "c",
  "States": {
    "Pass": {"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.r", "Assign": {"v.$": "$.a"}, "Next": "Task"},
    "Task": {"Type": "Task", "Resource": "arn:aws:states:::s:a.sync", "TimeoutSeconds": 9, "HeartbeatSecondsPath": "$.h",
      "Parameters": {"a.$": "States.Format('{} \\' {}', $.a[?(@.b == 'x')], States.MathAdd(1, $$.b))", "b": [{"c.$": "$v"}]},
      "Retry": [{"ErrorEquals": ["A"], "BackoffRate": 1.5, "MaxDelaySeconds": 5, "JitterStrategy": "FULL"}],
      "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Fail", "ResultPath": "$.e"}], "Next": "Choice"},
    "Choice": {"Type": "Choice", "Default": "Map", "Choices": [
      {"And": [{"Variable": "$.a", "IsNull": true}, {"Not": {"Variable": "$.b", "StringMatches": "x*"}}], "Next": "Wait"},
      {"Variable": "$.t", "TimestampLessThan": "2030-01-01T00:00:00Z", "Next": "Wait"}]},
    "Wait": {"Type": "Wait", "SecondsPath": "$.s", "Next": "Map"},
    "Map": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemSelector": {"i.$": "$$.Map.Item.Index"},
      "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Inner", "States": {"Inner": {"Type": "Succeed"}}},
      "Next": "Parallel"},
    "Parallel": {"Type": "Parallel", "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}], "End": true},
    "Fail": {"Type": "Fail", "ErrorPath": "$.e", "Cause": "c"}
  }
}"#;

fn check(definition: &str) {
    for machine_type in [MachineType::Standard, MachineType::Express] {
        let limits = Limits::default();
        let compiled = compile(definition, machine_type, &TestCatalog, &limits);
        let found = validate(definition, machine_type, &TestCatalog, &limits);
        assert_eq!(compiled.is_err(), found.is_refusal(), "{definition}");
        assert_eq!(
            found.errors().next().is_some(),
            found.is_refusal() && !found.is_truncated(),
            "{definition}"
        );
    }
}

/// Any value, small; its strings and names are likely to mean something to the language.
fn any_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "Type",
            "Next",
            "End",
            "Pass",
            "Task",
            "Map",
            "Choices",
            "States",
            "StartAt",
            "a.$",
            "$.a",
            "$$.x",
            "$v",
            "States.Array(1)",
            "Variable",
            "And",
            "JSONata",
            "DISTRIBUTED",
            "ItemProcessor",
            "Parameters",
            "",
            "é",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..4).prop_map(|members| {
                let mut object = ObjectBuilder::default();
                for (key, value) in members {
                    object.insert(key, value);
                }
                object.build().into()
            }),
        ]
    })
}

/// A value with one of its nodes, counted from the root, replaced by another value.
fn replaced(value: &Value, countdown: &mut usize, with: &Value) -> Value {
    if *countdown == 0 {
        *countdown = usize::MAX;
        return with.clone();
    }
    *countdown -= 1;
    match value {
        Value::Array(items) => {
            items.iter().map(|item| replaced(item, countdown, with)).collect::<Vec<_>>().into()
        }
        Value::Object(object) => {
            let mut builder = ObjectBuilder::default();
            for (key, member) in object.iter() {
                builder.insert(key.clone(), replaced(member, countdown, with));
            }
            builder.build().into()
        }
        other => other.clone(),
    }
}

#[test]
fn the_definition_that_is_mutated_is_right() {
    let found = validate(EVERYTHING, MachineType::Standard, &TestCatalog, &Limits::default());
    assert_eq!(found.as_slice(), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_definition_with_a_part_replaced(at in 0_usize..130, with in any_value()) {
        let definition = Value::parse(EVERYTHING).expect("JSON");
        check(&replaced(&definition, &mut at.clone(), &with).to_json());
    }

    #[test]
    fn a_definition_with_bytes_changed(at in 0_usize..2_000, with in "\\PC{0,3}", cut in 0_usize..6) {
        let start = (0..=at.min(EVERYTHING.len())).rev().find(|i| EVERYTHING.is_char_boundary(*i)).unwrap_or(0);
        let end = (start + cut).min(EVERYTHING.len());
        check(&format!("{}{with}{}", &EVERYTHING[..start], EVERYTHING.get(end..).unwrap_or_default()));
    }

    #[test]
    fn any_json_as_a_state(fields in any_value()) {
        check(&format!(r#"{{"StartAt":"X","States":{{"X":{}}}}}"#, fields.to_json()));
    }

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        check(&text);
        let _ = text.parse::<Arn>();
        let _ = format!("arn:aws:states:r:0:{text}").parse::<Arn>().map(|arn| arn.to_string());
        let _ = (name::check_resource(&text), name::check_variable(&text), name::check_tag_key(&text));
    }

    #[test]
    fn any_text_as_a_call(text in "[ -~]{0,40}") {
        let call = Value::from(format!("States.Array({text}")).to_json();
        check(&format!(r#"{{"StartAt":"X","States":{{"X":{{"Type":"Pass","End":true,"Parameters":{{"a.$":{call}}}}}}}}}"#));
    }
}

//! Distributed Maps: their fields, their children's definitions, their labels.

use newel_asl::plan::Transformation;
use newel_asl::{Limits, MachineType, Plan, compile};

use crate::catalog::{TestCatalog, check_states, said, with_state};

/// A distributed Map with more fields and the states of its processor.
fn map(fields: &str, states: &str, execution_type: &str) -> String {
    format!(
        r#""Type":"Map","End":true{fields},"ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED"{execution_type}}},
            "StartAt":"Y","States":{{{states}}}}}"#
    )
}

const PASS: &str = r#""Y":{"Type":"Pass","End":true}"#;
const STANDARD: &str = r#","ExecutionType":"STANDARD""#;
const EXPRESS: &str = r#","ExecutionType":"EXPRESS""#;

fn standard(fields: &str) -> String {
    map(fields, PASS, STANDARD)
}

fn plan(state: &str) -> Plan {
    let definition = with_state(state);
    compile(&definition, MachineType::Standard, &TestCatalog, &Limits::default())
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:?} in {definition}"))
}

#[test]
fn what_may_be_in_one() {
    let reader = |config: &str| {
        format!(
            r#","ItemReader":{{"Resource":"arn:aws:states:::s3:getObject","Parameters":{{"Bucket":"b","Key.$":"$.k"}},"ReaderConfig":{config}}}"#
        )
    };
    let at = |what: &str, field: &str| format!("{what} at /States/X/{field}");
    let cases = [
        (standard(""), String::new()),
        (
            map("", PASS, ""),
            at("These fields are required: [ExecutionType]", "ItemProcessor/ProcessorConfig"),
        ),
        (
            map("", PASS, r#","ExecutionType":"FAST""#),
            at(
                "Value should be one of the following: [STANDARD, EXPRESS]",
                "ItemProcessor/ProcessorConfig/ExecutionType",
            ),
        ),
        (
            standard(&reader(
                r#"{"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["a"],"MaxItems":0}"#,
            )),
            String::new(),
        ),
        (standard(&reader(r#"{"InputType":"JSON","MaxItemsPath":"$.n"}"#)), String::new()),
        (
            standard(&reader(r#"{"InputType":"XML"}"#)),
            at(
                "Value should be one of the following: [CSV, JSON, JSONL, PARQUET, MANIFEST]",
                "ItemReader/ReaderConfig/InputType",
            ),
        ),
        (
            standard(&reader(r#"{"MaxItems":100000001}"#)),
            at("Maximum value is 100000000", "ItemReader/ReaderConfig/MaxItems"),
        ),
        (
            standard(&reader(r#"{"CSVHeaderLocation":"GIVEN"}"#)),
            at("These fields are required: [CSVHeaders]", "ItemReader/ReaderConfig"),
        ),
        (
            standard(r#","ItemReader":{"Resource":"arn:aws:states:::dynamodb:getItem"}"#),
            at(
                "The resource provided arn:aws:states:::dynamodb:getItem is not recognized.",
                "ItemReader/Resource",
            ),
        ),
        (standard(r#","ItemReader":{}"#), at("These fields are required: [Resource]", "ItemReader")),
        (standard(r#","ItemBatcher":{"MaxItemsPerBatch":3,"BatchInput":{"x.$":"$.x"}}"#), String::new()),
        (
            standard(r#","ItemBatcher":{"BatchInput":{}}"#),
            at(
                "At least one of the following fields is required: [MaxItemsPerBatch, MaxItemsPerBatchPath, \
                 MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]",
                "ItemBatcher",
            ),
        ),
        (
            standard(r#","ItemBatcher":{"MaxInputBytesPerBatch":262145}"#),
            at("Maximum value is 262144", "ItemBatcher/MaxInputBytesPerBatch"),
        ),
        (
            standard(r#","ResultWriter":{}"#),
            at("At least one of the following fields is required: [Resource, WriterConfig]", "ResultWriter"),
        ),
        (
            standard(r#","ResultWriter":{"WriterConfig":{"Transformation":"ZIP"}}"#),
            at(
                "Value should be one of the following: [NONE, COMPACT, FLATTEN]",
                "ResultWriter/WriterConfig/Transformation",
            ),
        ),
        (
            map("", r#""Y":{"Type":"Task","Resource":"arn:aws:states:::t:do.sync","End":true}"#, EXPRESS),
            at(
                "Express state machine does not support '.sync' service integration",
                "ItemProcessor/States/Y/Resource",
            ),
        ),
        (
            map(
                "",
                &format!(
                    r#""Y":{{{}}}"#,
                    map("", &PASS.replace("\"Y\"", "\"Z\""), STANDARD)
                        .replace(r#""StartAt":"Y""#, r#""StartAt":"Z""#)
                ),
                EXPRESS,
            ),
            at(
                "Express state machine does not support Map states in 'DISTRIBUTED' mode",
                "ItemProcessor/States/Y/ItemProcessor/ProcessorConfig/Mode",
            ),
        ),
    ];
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(state, expect)| (state.as_str(), expect.as_str())).collect();
    check_states(&cases);
    let express = said(&with_state(&standard("")), MachineType::Express);
    assert!(
        express.starts_with("Express state machine does not support Map states in 'DISTRIBUTED' mode"),
        "{express}"
    );
}

#[test]
fn children_have_a_plan_and_a_definition_of_their_own() {
    let inner = format!(
        r#""Y":{{{}}}"#,
        map("", r#""Z":{"Type":"Pass","End":true}"#, STANDARD)
            .replace(r#""StartAt":"Y""#, r#""StartAt":"Z""#)
    );
    let plan = plan(&map(r#","Label":"outer""#, &inner, STANDARD));
    let (_, _, outer) = plan.distributed_map("X").unwrap();
    assert_eq!(&*outer.label, "outer");
    assert!(
        outer.definition.starts_with(r#"{"ProcessorConfig":{"Mode":"DISTRIBUTED""#),
        "{}",
        outer.definition
    );
    let child = plan.child("X").unwrap();
    assert_eq!((&*child.root.start_at, child.timeout_seconds), ("Y", None));
    assert_eq!(&*child.child("Y").unwrap().root.start_at, "Z");
    assert!(plan.child("Z").is_none());
}

#[test]
fn what_stands_for_a_label_is_always_the_same_and_tells_maps_apart() {
    let label = |state: &str, name: &str| plan(state).distributed_map(name).unwrap().2.label.clone();
    let one = label(&standard(""), "X");
    assert_eq!(one.len(), 36);
    assert_eq!(one, label(&standard(""), "X"));
    assert_ne!(one, label(&standard(r#","MaxConcurrency":1"#), "X"), "it is of the definition");
}

#[test]
fn two_maps_have_two_labels() {
    let inner = |label: &str| {
        let inner = map(&format!(r#","Label":"{label}""#), r#""Z":{"Type":"Pass","End":true}"#, STANDARD);
        format!(r#""Y":{{{}}}"#, inner.replace(r#""StartAt":"Y""#, r#""StartAt":"Z""#))
    };
    let outer = |label: &str| map(r#","Label":"one""#, &inner(label), STANDARD);
    let told = "INVALID_LABEL_NAME: Duplicate Label name: one at /States/X/ItemProcessor/States/Y/Label";
    check_states(&[(&outer("two"), ""), (&outer("one"), told)]);
}

#[test]
fn variables_from_outside_are_not_seen() {
    // In an inline Map the inner assignment would be refused.
    let states = r#""Y":{"Type":"Pass","Assign":{"x":1},"End":true}"#;
    let state =
        map("", states, STANDARD).replace(r#""End":true,"ItemProcessor""#, r#""Next":"Q","ItemProcessor""#);
    let definition = format!(
        r#"{{"StartAt":"X","States":{{"X":{{{state}}},"Q":{{"Type":"Pass","Assign":{{"x":2}},"End":true}}}}}}"#
    );
    assert_eq!(said(&definition, MachineType::Standard), "");
}

#[test]
fn what_is_kept_of_children() {
    for (writer, expect) in [
        (r#"{"WriterConfig":{}}"#, Transformation::Compact),
        (r#"{"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSONL"}}"#, Transformation::Flatten),
        (r#"{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"}}"#, Transformation::None),
    ] {
        let plan = plan(&standard(&format!(r#","ResultWriter":{writer}"#)));
        let (_, _, distributed) = plan.distributed_map("X").unwrap();
        assert_eq!(distributed.writer.as_ref().unwrap().transformation, expect, "{writer}");
    }
}

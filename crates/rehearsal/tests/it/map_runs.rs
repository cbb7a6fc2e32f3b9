//! Rehearsals of distributed Maps: their children are executions on the same clock.

use std::time::{Duration, Instant};

use newel_asl::Limits;
use newel_machine::Outcome;
use newel_rehearsal::{Record, Step};
use newel_value::Value;

use crate::{play, play_within};

/// A definition of one distributed Map `M` with more fields, whose children run `states` from `A` on.
fn map(more: &str, states: &str) -> String {
    of_type("STANDARD", more, states)
}

fn of_type(kind: &str, more: &str, states: &str) -> String {
    format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true{more},"Label":"L","ItemProcessor":{{
            "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"{kind}"}},
            "StartAt":"A","States":{{{states}}}}}}}}}}}"#
    )
}

const TASK: &str = r#""A":{"Type":"Task","Resource":"arn:x","End":true}"#;
const PASS: &str = r#""A":{"Type":"Pass","End":true}"#;
const READER: &str =
    r#","ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"b","Key":"k"}}"#;

fn output(record: &Record) -> &Value {
    match &record.outcome {
        Outcome::Succeeded(output) => output.value(),
        other => panic!("{other:?}"),
    }
}

fn parsed(text: &str) -> Value {
    Value::parse(text).expect("JSON")
}

/// `-[0]A@1000`: how deep, which child, which state, when.
fn told(steps: &[Step]) -> Vec<String> {
    let tell = |step: &Step| {
        let child = step.iteration.map(|index| format!("[{index}]")).unwrap_or_default();
        format!("{}{child}{}@{}", "-".repeat(step.depth), step.state, step.at)
    };
    steps.iter().map(tell).collect()
}

#[test]
fn children_take_their_turns_and_their_calls_are_counted_together() {
    let states = r#""A":{"Type":"Task","Resource":"arn:x","Next":"B"},"B":{"Type":"Pass","End":true}"#;
    let mocks = r#"{"Input":[1,2,3],"States":{"A":{"0":{"Return":"x","DelaySeconds":3},"1":{"Return":"y","DelaySeconds":1},
        "2":{"Return":"z","DelaySeconds":1}}}}"#;
    let record = play(&map(r#","MaxConcurrency":2"#, states), mocks).unwrap();
    assert_eq!(
        told(&record.steps),
        ["M@0", "-[0]A@0", "-[1]A@0", "-B@1000", "-[2]A@1000", "-B@2000", "-B@3000"]
    );
    assert_eq!(output(&record), &parsed(r#"["x","y","z"]"#));
    assert_eq!((record.calls["A"], record.millis), (3, 3_000));
    assert_eq!(record.path().collect::<Vec<_>>(), ["M"]);
    assert!(record.steps.iter().all(|step| step.left.is_some()));
    let names: Vec<&str> = record.events.iter().map(|event| event.detail.type_name()).collect();
    assert_eq!(
        names[1..],
        [
            "MapStateEntered",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn no_items_make_no_children() {
    let record = play(&map("", TASK), r#"{"Input":[],"States":{}}"#).unwrap();
    assert_eq!(output(&record), &parsed("[]"));
    assert_eq!(told(&record.steps), ["M@0"]);
}

#[test]
fn selected_items_come_in_batches_and_children_have_a_context_of_their_own() {
    let more = r#","ItemsPath":"$.items","ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","s.$":"$.s"},
        "ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"b":1}}"#;
    let record = play(&map(more, PASS), r#"{"Input":{"items":["x","y","z"],"s":7}}"#).unwrap();
    let expected = r#"[{"BatchInput":{"b":1},"Items":[{"i":0,"v":"x","s":7},{"i":1,"v":"y","s":7}]},
        {"BatchInput":{"b":1},"Items":[{"i":2,"v":"z","s":7}]}]"#;
    assert_eq!(output(&record), &parsed(expected));
    let context = r#""A":{"Type":"Pass","Parameters":{"m.$":"$$.StateMachine.Id","e.$":"$$.Execution.Id","n.$":"$$.Execution.Name",
        "i.$":"$$.Execution.Input","t.$":"$$.Execution.StartTime"},"End":true}"#;
    for (kind, word, parts) in [("STANDARD", "execution", 8), ("EXPRESS", "express", 9)] {
        let record = play(&of_type(kind, "", context), r#"{"Input":[5]}"#).unwrap();
        let child = &output(&record).as_array().unwrap()[0];
        let text = |name| child.get(name).and_then(Value::as_str).unwrap();
        assert_eq!(text("m"), "arn:aws:states:us-east-1:000000000000:stateMachine:m/L");
        let begins = format!("arn:aws:states:us-east-1:000000000000:{word}:m/L:{}", text("n"));
        assert!(text("e").starts_with(&begins), "{child}");
        assert_eq!(text("e").split(':').count(), parts);
        assert_eq!((child.get("i"), text("t")), (Some(&Value::from(5)), "1970-01-01T00:16:40Z"));
    }
}

#[test]
fn what_a_reader_reads_is_made_up() {
    let more = format!(r#"{READER},"ItemSelector":{{"v.$":"$$.Map.Item.Value","s.$":"$$.Map.Item.Source"}}"#);
    let mocks = r#"{"States":{"M":{"Return":[1,2],"DelaySeconds":60}}}"#;
    let record = play(&map(&more, PASS), mocks).unwrap();
    assert_eq!(output(&record), &parsed(r#"[{"v":1,"s":"S3://b/k"},{"v":2,"s":"S3://b/k"}]"#));
    assert_eq!(told(&record.steps), ["M@0", "-[0]A@60000", "-[1]A@60000"]);
    assert_eq!(record.calls["M"], 1);
    let first =
        READER.replace(r#""Parameters""#, r#""ReaderConfig":{"InputType":"JSON","MaxItems":1},"Parameters""#);
    assert_eq!(output(&play(&map(&first, PASS), mocks).unwrap()), &parsed("[1]"));
}

#[test]
fn a_reader_that_fails_fails_the_state_and_a_retry_reads_again() {
    let retry = r#","Retry":[{"ErrorEquals":["States.ItemReaderFailed"],"IntervalSeconds":5}]"#;
    let mocks =
        r#"{"States":{"M":{"0":{"Throw":{"Error":"S3.NoSuchKey","Cause":"gone"}},"1":{"Return":[1]}}}}"#;
    let record = play(&map(&format!("{READER}{retry}"), PASS), mocks).unwrap();
    assert_eq!(output(&record), &parsed("[1]"));
    assert_eq!((record.calls["M"], record.millis), (2, 5_000));
    let fault = record.steps[0].attempts[0].fault.clone().unwrap();
    assert_eq!(fault.error.as_deref(), Some("States.ItemReaderFailed"));
    assert_eq!(fault.cause.as_deref(), Some("S3.NoSuchKey: gone"));
    let failed = play(&map(READER, PASS), mocks).unwrap();
    assert_eq!(failed.status(), "FAILED");
}

#[test]
fn members_of_an_object_are_items() {
    let selector =
        r#","ItemSelector":{"k.$":"$$.Map.Item.Key","v.$":"$$.Map.Item.Value","s.$":"$$.Map.Item.Source"}"#;
    let mocks = r#"{"States":{"M":{"Return":{"a":1,"b":[2]}}}}"#;
    let whole = play(&map(READER, PASS), mocks).unwrap();
    assert_eq!(output(&whole), &parsed(r#"[{"Key":"a","Value":1},{"Key":"b","Value":[2]}]"#));
    let selected = play(&map(&format!("{READER}{selector}"), PASS), mocks).unwrap();
    assert_eq!(
        output(&selected),
        &parsed(r#"[{"k":"a","v":1,"s":"S3://b/k"},{"k":"b","v":[2],"s":"S3://b/k"}]"#)
    );
    let own = play(
        &map(&format!(r#","ItemsPath":"$.o"{selector}"#), PASS),
        r#"{"Input":{"o":{"x":null}},"States":{}}"#,
    );
    assert_eq!(output(&own.unwrap()), &parsed(r#"[{"k":"x","v":null,"s":"STATE_DATA"}]"#));
}

#[test]
fn what_a_reader_cannot_be_told_is_a_problem() {
    for (more, mocks, said) in [
        (
            READER,
            r#"{"States":{}}"#,
            "/States: the items of the Map 'M' are read and have no answer: give them under its name, as {\"Return\": [ITEM, ITEM]}",
        ),
        (
            READER,
            r#"{"States":{"M":{"0":{"Return":[]},"1":{"Return":"a"}}}}"#,
            "/States/M: what the Map 'M' reads must be an array of items, or an object whose members they are, and that of call 1 isn't",
        ),
        (
            READER,
            r#"{"States":{"M":{"1":{"Return":[]}}}}"#,
            "/States/M: call 0 of the state 'M' (counted from 0) has no answer",
        ),
        (
            "",
            r#"{"States":{"M":{"Return":[]}}}"#,
            "/States/M: the state 'M' is no Task and no Map with an ItemReader: only these can be mocked",
        ),
        ("", r#"{"Input":[1],"States":{}}"#, "/States: the task 'A' is called and has no answer"),
    ] {
        assert_eq!(play(&map(more, TASK), mocks).unwrap_err(), said);
    }
    let many = format!(r#"{{"Input":[{}0]}}"#, "0,".repeat(100_000));
    let said = "the Map 'M' has 100001 items; a rehearsal plays up to 100000";
    assert_eq!(play(&map("", PASS), &many).unwrap_err(), said);
}

#[test]
fn more_failures_than_are_tolerated_abort_the_others() {
    let states =
        r#""A":{"Type":"Task","Resource":"arn:x","Next":"B"},"B":{"Type":"Wait","Seconds":60,"End":true}"#;
    let failing = r#"{"Throw":{"Error":"E","Cause":"c"},"DelaySeconds":5}"#;
    let mocks = format!(r#"{{"Input":[1,2,3,4],"States":{{"A":{{"0":{{"Return":1}},"1-":{failing}}}}}}}"#);
    let record = play(&map(r#","ToleratedFailureCount":1"#, states), &mocks).unwrap();
    let Outcome::Failed(fault) = &record.outcome else { panic!("{:?}", record.outcome) };
    assert_eq!(fault.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    assert_eq!((record.millis, record.calls["A"]), (5_000, 4));
    assert_eq!(record.steps[0].attempts[0].fault.as_ref().unwrap().error, fault.error);
    assert!(record.steps.iter().all(|step| step.left.is_none() || &*step.state == "A"));
    let tolerated = play(&map(r#","ToleratedFailurePercentage":75"#, states), &mocks).unwrap();
    let results = output(&tolerated).as_array().unwrap();
    assert_eq!((results.len(), tolerated.millis), (4, 60_000));
    let told = |name| results[1].get(name).and_then(Value::as_str).unwrap();
    assert_eq!((told("Status"), told("Error"), told("Cause"), told("Input")), ("FAILED", "E", "c", "2"));
    assert_eq!(told("StopDate"), "1970-01-01T00:16:45Z");
}

#[test]
fn a_child_of_type_express_has_five_minutes() {
    let states = r#""A":{"Type":"Wait","Seconds":301,"End":true}"#;
    let more = r#","ToleratedFailureCount":1"#;
    let record = play(&of_type("EXPRESS", more, states), r#"{"Input":[1]}"#).unwrap();
    assert_eq!(output(&record).as_array().unwrap()[0].get("Status"), Some(&Value::from("TIMED_OUT")));
    assert_eq!(record.millis, 300_000);
    assert_eq!(play(&map(more, states), r#"{"Input":[1]}"#).unwrap().millis, 301_000);
}

#[test]
fn results_are_what_the_writer_makes_of_them() {
    let writer = |config: &str| {
        format!(r#","ResultWriter":{{"WriterConfig":{{"OutputType":"JSON","Transformation":"{config}"}}}}"#)
    };
    let input = r#"{"Input":[[1,2],[3]]}"#;
    let results = |config| output(&play(&map(&writer(config), PASS), input).unwrap()).clone();
    assert_eq!(results("COMPACT"), parsed("[[1,2],[3]]"));
    assert_eq!(results("FLATTEN"), parsed("[1,2,3]"));
    let none = results("NONE");
    let first = &none.as_array().unwrap()[0];
    assert_eq!(first.get("Output"), Some(&Value::from("[1,2]")));
    assert_eq!(first.get("Status"), Some(&Value::from("SUCCEEDED")));
    let written = r#","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"p"}}"#;
    let record = play(&map(written, PASS), input).unwrap();
    let arn = output(&record).get("MapRunArn").and_then(Value::as_str).unwrap();
    let id = arn.strip_prefix("arn:aws:states:us-east-1:000000000000:mapRun:m/L:").unwrap();
    let details = output(&record).get("ResultWriterDetails").unwrap();
    assert_eq!(details, &parsed(&format!(r#"{{"Bucket":"b","Key":"p/{id}/manifest.json"}}"#)));
}

#[test]
fn a_result_that_is_too_large_fails_the_state() {
    let large = format!(r#"{{"States":{{"A":{{"Return":"{}"}}}},"Input":[1,2,3]}}"#, "x".repeat(100_000));
    let record = play(&map("", TASK), &large).unwrap();
    let Outcome::Failed(fault) = &record.outcome else { panic!("{:?}", record.outcome) };
    assert_eq!(fault.error.as_deref(), Some("States.DataLimitExceeded"));
    // As the engine, it is told when all children are closed.
    assert_eq!(record.calls["A"], 3);
}

#[test]
fn an_execution_that_times_out_takes_its_children_along() {
    let definition = map("", TASK).replacen('{', r#"{"TimeoutSeconds":10,"#, 1);
    let mocks = r#"{"Input":[1,2],"States":{"A":{"0":{"Return":1},"1":{"Return":1,"DelaySeconds":60}}}}"#;
    let record = play(&definition, mocks).unwrap();
    assert_eq!((record.status(), record.millis), ("TIMED_OUT", 10_000));
    assert_eq!(record.steps.iter().filter(|step| step.left.is_some()).count(), 1);
}

/// The children of `M` run a distributed Map `N`, whose children run `states` from `A` on.
fn nested(outer: &str, inner: &str, states: &str) -> String {
    let inner = format!(
        r#""A0":{{"Type":"Map","End":true{inner},"Label":"N","ItemProcessor":{{
            "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},
            "StartAt":"A","States":{{{states}}}}}}}"#
    );
    map(outer, &inner).replacen(r#""StartAt":"A""#, r#""StartAt":"A0""#, 1)
}

#[test]
fn children_may_have_distributed_maps_too() {
    let mocks =
        r#"{"Input":[[1,2],[3]],"States":{"A":{"0-1":{"Return":"x","DelaySeconds":1},"2":{"Return":"y"}}}}"#;
    let record = play(&nested("", "", TASK), mocks).unwrap();
    assert_eq!(output(&record), &parsed(r#"[["x","x"],["y"]]"#));
    assert_eq!(told(&record.steps), ["M@0", "-[0]A0@0", "-[1]A0@0", "--[0]A@0", "--[1]A@0", "--[0]A@0"]);
    assert_eq!(record.calls["A"], 3);
}

#[test]
fn a_map_run_that_ends_ends_those_within() {
    let definition = nested(r#","Catch":[{"ErrorEquals":["States.ALL"],"Next":"Late"}]"#, "", TASK).replacen(
        r#""States":{"#,
        r#""States":{"Late":{"Type":"Wait","Seconds":100,"End":true},"#,
        1,
    );
    let mocks = r#"{"Input":[[1],[2]],"States":{"A":{"0":{"Throw":{"Error":"E"},"DelaySeconds":1},"1":{"Return":1,"DelaySeconds":50}}}}"#;
    let record = play(&definition, mocks).unwrap();
    assert_eq!((record.status(), record.millis), ("SUCCEEDED", 101_000));
    // What the call that was let go would have been answered leaves nothing.
    assert!(record.steps.iter().filter(|step| &*step.state == "A").all(|step| step.left.is_none()));
}

#[test]
fn a_map_run_that_is_let_go_at_once_begins_no_children() {
    let branch = map("", TASK);
    let definition = format!(
        r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","End":true,"Branches":[{branch},
            {{"StartAt":"F","States":{{"F":{{"Type":"Fail","Error":"E"}}}}}}]}}}}}}"#
    );
    let caught =
        definition.replacen(r#""End":true"#, r#""Next":"W","Catch":[{"ErrorEquals":["E"],"Next":"W"}]"#, 1);
    let waits = caught.replacen(r#""P":"#, r#""W":{"Type":"Wait","Seconds":9,"End":true},"P":"#, 1);
    let record = play(&waits, r#"{"Input":[1,2],"States":{}}"#).unwrap();
    assert_eq!(told(&record.steps), ["P@0", "-M@0", "-F@0", "W@0"]);
    assert_eq!((record.status(), record.millis), ("SUCCEEDED", 9_000));
}

#[test]
fn no_more_run_at_once_than_the_service_lets() {
    let mocks = r#"{"Input":[[1],[2],[3]],"States":{"A":{"Return":1,"DelaySeconds":10}}}"#;
    let one = Limits { map_run_concurrency: 1, ..Limits::default() };
    assert_eq!(play_within(&one, &map("", TASK), mocks).unwrap().millis, 30_000);
    let two_runs = Limits { open_map_runs: 2, ..Limits::default() };
    let record = play_within(&two_runs, &nested("", "", TASK), mocks).unwrap();
    assert_eq!((record.status(), record.millis), ("SUCCEEDED", 30_000));
}

#[test]
fn many_items_take_little_time() {
    let began = Instant::now();
    let items = (0..10_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let writer =
        r#","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"}}"#;
    let passed = play(
        &map(&format!("{READER}{writer}"), PASS),
        &format!(r#"{{"States":{{"M":{{"Return":[{items}]}}}}}}"#),
    );
    assert_eq!(passed.unwrap().steps.len(), 10_001);
    // All of them open at once.
    let mocks = format!(r#"{{"Input":[{items}],"States":{{"A":{{"Return":1,"DelaySeconds":1}}}}}}"#);
    let called = play(&map("", TASK), &mocks).unwrap();
    assert_eq!((called.calls["A"], called.millis), (10_000, 1_000));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn what_never_ends_is_given_up() {
    let states = r#""A":{"Type":"Pass","Next":"C"},"D":{"Type":"Succeed"},
        "C":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"D"}],"Default":"A"}"#;
    let items = format!(r#"{{"Input":[{}{{}}]}}"#, "{},".repeat(50));
    let said = "the executions have more than 1000000 events, which is more than a rehearsal plays";
    let more = r#","ToleratedFailurePercentage":100"#;
    assert_eq!(play(&map(more, states), &items).unwrap_err(), said);
}

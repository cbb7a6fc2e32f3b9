//! Rehearsals of small definitions: time, answers by call, nesting, and what can't be played.

mod map_runs;

use newel_asl::catalog::{Pattern, Resource, ResourceCatalog, ResourceFault, TaskOrigin};
use newel_asl::{Limits, MachineType, Timestamp, compile};
use newel_rehearsal::{Mocks, Record, Scene, rehearse};
use newel_value::Value;

/// Every resource there is, with any parameters.
struct Anything;

impl ResourceCatalog for Anything {
    fn resolve(&self, arn: &str) -> Result<Resource, ResourceFault> {
        let callback = arn.ends_with(".waitForTaskToken");
        Ok(Resource {
            arn: arn.into(),
            family: "x".into(),
            resource_type: "x".into(),
            action: "y".into(),
            pattern: if callback { Pattern::Callback } else { Pattern::RequestResponse },
            express: true,
        })
    }

    fn check_template(&self, _: &Resource, _: &str, _: &Value) -> Vec<ResourceFault> {
        Vec::new()
    }

    fn prepare(&self, _: &Resource, parameters: Value, _: TaskOrigin<'_>) -> Result<Value, Vec<String>> {
        Ok(parameters)
    }
}

fn play(definition: &str, mocks: &str) -> Result<Record, String> {
    play_within(&Limits::default(), definition, mocks)
}

fn play_within(limits: &Limits, definition: &str, mocks: &str) -> Result<Record, String> {
    let plan = compile(definition, MachineType::Standard, &Anything, limits).map_err(|e| e.to_string())?;
    let mocks = Mocks::parse(mocks, None).map_err(|fault| fault.to_string())?;
    let start = Timestamp::from_millis(1_000_000);
    let scene = Scene { plan: &plan, catalog: &Anything, limits, machine: "m", start };
    let case = &mocks.cases[Mocks::ONLY];
    let record = rehearse(scene, case).map_err(|problem| problem.to_string())?;
    let again = rehearse(scene, case).map_err(|problem| problem.to_string())?;
    assert_eq!((&record.events, &record.steps), (&again.events, &again.steps), "REH-1");
    Ok(record)
}

/// A definition of one Task, `S`, with more fields.
fn task(more: &str) -> String {
    format!(r#"{{"StartAt":"S","States":{{"S":{{"Type":"Task","Resource":"arn:x","End":true{more}}}}}}}"#)
}

const RETRY: &str =
    r#","Retry":[{"ErrorEquals":["E"],"IntervalSeconds":60,"BackoffRate":2,"MaxAttempts":10}]"#;

#[test]
fn retries_take_their_time_and_no_time() {
    let mocks = r#"{"States":{"S":{"0-9":{"Throw":{"Error":"E","Cause":"c"}},"10":{"Return":[1],"DelaySeconds":1.5}}}}"#;
    let record = play(&task(RETRY), mocks).unwrap();
    assert_eq!(record.status(), "SUCCEEDED");
    assert_eq!(record.millis, 60_000 * 1_023 + 1_500);
    let [step] = &record.steps[..] else { panic!("{:?}", record.steps) };
    let starts: Vec<i64> = step.attempts.iter().map(|attempt| attempt.at / 60_000).collect();
    assert_eq!(starts, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1_023]);
    assert_eq!(step.attempts.iter().filter(|attempt| attempt.fault.is_some()).count(), 10);
    assert_eq!(record.calls["S"], 11);
}

#[test]
fn a_slow_answer_comes_too_late() {
    let definition = task(r#","TimeoutSeconds":10"#);
    let late = play(&definition, r#"{"States":{"S":{"Return":1,"DelaySeconds":11}}}"#).unwrap();
    assert_eq!((late.status(), late.millis), ("FAILED", 10_000));
    let just = play(&definition, r#"{"States":{"S":{"Return":1,"DelaySeconds":10}}}"#).unwrap();
    assert_eq!((just.status(), just.millis), ("SUCCEEDED", 10_000));
}

#[test]
fn a_timeout_that_is_made_up_is_a_failure_and_no_missed_deadline() {
    let retry = r#","TimeoutSeconds":60,"HeartbeatSeconds":10,"Retry":[{"ErrorEquals":["States.Timeout"],"IntervalSeconds":1}]"#;
    let mocks = r#"{"States":{"S":{"0":{"Throw":{"Error":"States.Timeout","Cause":"c"}},"1":{"Return":1}}}}"#;
    let record = play(&task(retry), mocks).unwrap();
    let fault = record.steps[0].attempts[0].fault.clone().unwrap();
    assert_eq!((fault.error.as_deref(), fault.cause.as_deref()), (Some("States.Timeout"), Some("c")));
    assert_eq!((record.status(), record.millis), ("SUCCEEDED", 1_000));
    let names: Vec<&str> = record.events.iter().map(|event| event.detail.type_name()).collect();
    assert!(names.contains(&"TaskFailed") && !names.contains(&"TaskTimedOut"), "{names:?}");
}

#[test]
fn branches_and_iterations_are_within_their_states() {
    let definition = r#"{"StartAt":"M","States":{
      "M":{"Type":"Map","MaxConcurrency":1,"Next":"P","ItemProcessor":{"StartAt":"A","States":{
        "A":{"Type":"Task","Resource":"arn:x","Next":"B"},"B":{"Type":"Pass","End":true}}}},
      "P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"L","States":{"L":{"Type":"Wait","Seconds":5,"End":true}}},
        {"StartAt":"R","States":{"R":{"Type":"Pass","End":true}}}]}}}"#;
    let mocks = r#"{"Input":[1,2],"States":{"A":{"0":{"Return":"x","DelaySeconds":1},"1-":{"Return":"y"}}}}"#;
    let record = play(definition, mocks).unwrap();
    let told: Vec<String> = record
        .steps
        .iter()
        .map(|step| format!("{}{}@{}", "-".repeat(step.depth), step.state, step.at))
        .collect();
    assert_eq!(told, ["M@0", "-A@0", "-B@1000", "-A@1000", "-B@1000", "P@1000", "-L@1000", "-R@1000"]);
    assert_eq!(record.steps[3].iteration, Some(1));
    assert_eq!(record.path().collect::<Vec<_>>(), ["M", "P"]);
    assert!(record.steps.iter().all(|step| step.left.is_some()));
}

#[test]
fn a_function_gives_its_payload_and_a_callback_what_comes_with_the_token() {
    let function = r#"{"StartAt":"S","States":{"S":{"Type":"Task","End":true,
        "Resource":"arn:aws:lambda:us-east-1:123456789012:function:f"}}}"#;
    let whole =
        r#"{"States":{"S":{"Return":{"StatusCode":200,"Payload":{"a":1}}}},"Expect":{"Output":{"a":1}}}"#;
    let bare = r#"{"States":{"S":{"Return":{"a":1}}},"Expect":{"Output":{"a":1}}}"#;
    let callback =
        r#"{"StartAt":"S","States":{"S":{"Type":"Task","End":true,"Resource":"arn:x.waitForTaskToken"}}}"#;
    for (definition, mocks) in [(function, whole), (function, bare), (callback, bare)] {
        let record = play(definition, mocks).unwrap();
        let case = &Mocks::parse(mocks, None).unwrap().cases[Mocks::ONLY];
        assert_eq!(case.expectation.as_ref().unwrap().differences(&record), Vec::<String>::new());
    }
}

#[test]
fn a_mock_configuration_has_the_cases_of_many_machines() {
    let file = r#"{
        "StateMachines": {"a": {"TestCases": {"x": {"S": "Once"}, "y": {}}}, "b": {"TestCases": {"x": {"S": "None"}}}},
        "MockedResponses": {"Once": {"0": {"Return": 1}}, "None": {}, "Unused": {}}}"#;
    let machines = Mocks::of_machines(file).unwrap();
    assert_eq!(machines.keys().map(|name| &**name).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(machines["a"].cases.len(), 2);
    assert!(machines["a"].cases["x"].states["S"].answer(0).is_some());
    assert!(machines["b"].cases["x"].states["S"].answer(0).is_none());
    assert!(Mocks::of_machines("{}").unwrap().is_empty());
    for (file, said) in [
        (r#"{"Cases":{}}"#, "/: has no member Cases; there are: StateMachines, MockedResponses"),
        (
            r#"{"StateMachines":{"a":{"TestCases":{"x":{"S":"R"}}}}}"#,
            "/StateMachines/a/TestCases/x/S: refers to the response R, which the file doesn't have",
        ),
        (r#"{"MockedResponses":{"R":{"0":{}}}}"#, "/MockedResponses/R/0: must have one of Return and Throw"),
    ] {
        assert_eq!(Mocks::of_machines(file).unwrap_err().to_string(), said);
    }
}

#[test]
fn what_cannot_be_played_is_told_with_its_place() {
    for (mocks, said) in [
        (r#"{"States":{}}"#, "/States: the task 'S' is called and has no answer"),
        (r#"{"States":{"T":{"Return":1}}}"#, "/States: the definition has no state 'T'"),
        (
            r#"{"States":{"S":{"1":{"Return":1}}}}"#,
            "/States/S: call 0 of the state 'S' (counted from 0) has no answer",
        ),
        (
            r#"{"States":{"S":{"Return":1,"Delay":1}}}"#,
            "/States/S: has no member Delay; there are: Return, Throw, DelaySeconds",
        ),
        (
            r#"{"States":{"S":{"Return":1,"DelaySeconds":-1}}}"#,
            "/States/S/DelaySeconds: must be a number of seconds, up to 100 years",
        ),
        (r#"{"Expect":{"Status":"DONE"}}"#, "/Expect/Status: must be one of SUCCEEDED, FAILED, TIMED_OUT"),
        (
            r#"{"StateMachines":{"a":{"TestCases":{}},"b":{"TestCases":{}}}}"#,
            "/StateMachines: say which state machine is meant; there are: a, b",
        ),
        ("[]", "/: must be an object"),
    ] {
        assert_eq!(play(&task(""), mocks).unwrap_err(), said);
    }
    let pass = r#"{"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}}"#;
    let problem = play(pass, r#"{"States":{"S":{"Return":1}}}"#).unwrap_err();
    assert_eq!(
        problem,
        "/States/S: the state 'S' is no Task and no Map with an ItemReader: only these can be mocked"
    );
}

#[test]
fn an_execution_that_never_ends_ends_by_the_limits() {
    let loops = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"C"},
        "C":{"Type":"Choice","Choices":[{"Variable":"$.x","IsPresent":true,"Next":"D"}],"Default":"A"},"D":{"Type":"Succeed"}}}"#;
    let record = play(loops, "{}").unwrap();
    assert_eq!((record.status(), record.events.len()), ("FAILED", 25_000));
    let waits =
        r#"{"StartAt":"A","TimeoutSeconds":5,"States":{"A":{"Type":"Wait","Seconds":50,"End":true}}}"#;
    assert_eq!(play(waits, "{}").unwrap().status(), "TIMED_OUT");
}

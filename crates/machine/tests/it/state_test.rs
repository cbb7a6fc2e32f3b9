//! One state by itself: what its stages are told to have given, and how it ends.

use std::sync::Arc;

use newel_asl::{LONE_STATE, Limits, Timestamp, compile_state};
use newel_machine::{
    Budget, Fault, Info, Inspection, Progress, Setup, StateTest, TaskReport, TestStatus, TestedState, World,
};
use newel_value::{Object, Payload, Value};

use crate::catalog::{TestCatalog, TestTokens};

/// A state with what is made up around it.
struct Test<'a> {
    state: &'a str,
    input: &'a str,
    variables: &'a str,
    mock: Option<Result<&'a str, &'a str>>,
    retries: u32,
    failed: Option<u64>,
}

impl Default for Test<'_> {
    fn default() -> Self {
        Self { state: "", input: "{}", variables: "{}", mock: None, retries: 0, failed: None }
    }
}

fn payload(text: &str) -> Payload {
    Payload::parse(text).unwrap()
}

fn error(name: &str) -> Fault {
    Fault { error: Some(name.into()), cause: Some("why".into()) }
}

impl Test<'_> {
    /// Runs it; a task without a mock fails with `Called`.
    fn run(&self) -> Result<TestedState, String> {
        let limits = Limits::default();
        let plan = compile_state(self.state, &TestCatalog, &limits).map_err(|found| found.to_string())?;
        let info = Info {
            arn: "arn".into(),
            name: "e".into(),
            machine_arn: "m".into(),
            machine_name: "m".into(),
            role_arn: "r".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            started_at: Timestamp::from_millis(0),
            input: payload(self.input),
            alias_arn: None,
            version_arn: None,
        };
        let Value::Object(variables) = Value::parse(self.variables).unwrap() else { panic!("no object") };
        let mut test = StateTest::new(Setup {
            language: plan.root.states[LONE_STATE].language,
            info: Arc::new(info),
            context: Value::parse(r#"{"Execution":{"Name":"given"}}"#).unwrap(),
            variables,
            mock: self.mock.map(|mock| mock.map(payload).map_err(error)),
            retries: self.retries,
            read_items: None,
            failed_iterations: self.failed,
        });
        let world = World {
            plan: &plan,
            limits: &limits,
            catalog: &TestCatalog,
            tokens: &TestTokens,
            activity_exists: &|_| true,
            now: Timestamp::from_millis(0),
            random: &|| 0,
            budget: Budget { events: 100, bytes: usize::MAX, expired: &|| false },
        };
        let mut progress = test.start(world);
        if let Progress::Call(_) = progress {
            progress = test.report(TaskReport::Failed(error("Called")), world);
        }
        match progress {
            Progress::Done(told) => Ok(*told),
            Progress::Senseless(why) => Err(why.to_owned()),
            Progress::Call(task) => panic!("{} is called twice", task.state),
        }
    }

    fn told(&self) -> TestedState {
        self.run().unwrap()
    }
}

/// The stages that were passed and what they gave.
fn stages(inspection: &Inspection) -> Vec<String> {
    inspection.stages.iter().map(|(stage, given)| format!("{} {}", stage.name(), given.text())).collect()
}

#[test]
fn a_pass_shows_what_each_field_made_of_its_data() {
    let state = r#"{"Type":"Pass","InputPath":"$.a","Parameters":{"p.$":"$","n.$":"$$.Execution.Name"},
        "ResultPath":"$.r","OutputPath":"$.r","Assign":{"v.$":"$.p"},"Next":"Elsewhere"}"#;
    let told = Test { state, input: r#"{"a":1}"#, variables: r#"{"w":2}"#, ..Test::default() }.told();
    assert_eq!((told.status, told.next.as_deref()), (TestStatus::Succeeded, Some("Elsewhere")));
    assert_eq!(told.output.unwrap().text(), r#"{"p":1,"n":"given"}"#);
    assert_eq!(
        stages(&told.inspection),
        [
            "afterInputPath 1",
            r#"afterParameters {"p":1,"n":"given"}"#,
            r#"afterResultSelector {"p":1,"n":"given"}"#,
            r#"afterResultPath {"a":1,"r":{"p":1,"n":"given"}}"#,
        ]
    );
    assert_eq!(told.inspection.variables.unwrap().text(), r#"{"w":2,"v":1}"#);
}

#[test]
fn a_jsonata_state_has_arguments_and_no_paths() {
    let state = r#"{"Type":"Task","QueryLanguage":"JSONata","Resource":"arn:aws:states:::s:a","End":true,
        "Arguments":{"x":"{% $states.input.n + 1 %}"},"Output":"{% $states.result.y %}"}"#;
    let told = Test { state, input: r#"{"n":1}"#, mock: Some(Ok(r#"{"y":7}"#)), ..Test::default() }.told();
    assert_eq!(stages(&told.inspection), [r#"afterArguments {"x":2}"#, r#"result {"y":7}"#]);
    assert_eq!(told.output.unwrap().text(), "7");
}

const TASK: &str = r#"{"Type":"Task","Resource":"arn:aws:states:::s:a","End":true,
    "Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":3,"BackoffRate":2,"MaxAttempts":2}],
    "Catch":[{"ErrorEquals":["Busy","Called"],"Next":"Caught"}]}"#;

#[test]
fn an_error_is_retriable_then_caught_or_fails() {
    let told = |retries, mock| Test { state: TASK, mock, retries, ..Test::default() }.told();
    let details = |told: &TestedState| {
        let inspection = &told.inspection;
        (inspection.retry_index, inspection.retry_backoff_seconds, inspection.catch_index)
    };
    let first = told(0, Some(Err("Busy")));
    assert_eq!((first.status, details(&first)), (TestStatus::Retriable, (Some(0), Some(3), None)));
    let second = told(1, Some(Err("Busy")));
    assert_eq!((second.status, details(&second)), (TestStatus::Retriable, (Some(0), Some(6), None)));
    let third = told(2, Some(Err("Busy")));
    assert_eq!((third.status, details(&third)), (TestStatus::CaughtError, (Some(0), None, Some(0))));
    assert_eq!(third.output.unwrap().text(), r#"{"Error":"Busy","Cause":"why"}"#);
    let called = told(0, None);
    assert_eq!((called.status, called.next.as_deref()), (TestStatus::CaughtError, Some("Caught")));
    let other = told(0, Some(Err("Other")));
    assert_eq!((other.status, details(&other)), (TestStatus::Failed, (None, None, None)));
    assert_eq!(other.fault, error("Other"));
}

#[test]
fn a_mocked_timeout_keeps_its_cause() {
    let told = Test { state: TASK, mock: Some(Err("States.Timeout")), ..Test::default() }.told();
    assert_eq!((told.status, told.fault), (TestStatus::Failed, error("States.Timeout")));
}

#[test]
fn branches_and_iterations_give_what_stands_in_for_them() {
    let branch = r#"{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}}"#;
    let parallel = format!(r#"{{"Type":"Parallel","Branches":[{branch}],"ResultPath":"$.r","End":true}}"#);
    let told = Test { state: &parallel, mock: Some(Ok("[1]")), ..Test::default() }.told();
    assert_eq!(told.output.unwrap().text(), r#"{"r":[1]}"#);

    let map = format!(
        r#"{{"Type":"Map","ItemProcessor":{branch},"ItemSelector":{{"i.$":"$$.Map.Item.Index"}},"MaxConcurrency":4,
            "ToleratedFailurePercentage":50,"End":true}}"#
    );
    let test =
        |failed| Test { state: &map, input: "[5,6]", mock: Some(Ok("[7,8]")), failed, ..Test::default() };
    let told = test(Some(1)).told();
    assert_eq!(told.output.unwrap().text(), "[7,8]");
    assert_eq!(told.inspection.max_concurrency, Some(4));
    assert_eq!(told.inspection.tolerated_failure_percentage, Some(50.0));
    assert!(stages(&told.inspection).contains(&r#"afterItemSelector [{"i":0},{"i":1}]"#.to_owned()));
    let exceeded = test(Some(2)).told();
    assert_eq!(exceeded.fault.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    assert!(test(Some(3)).run().unwrap_err().starts_with("Map iteration failure count must be"));
}

#[test]
fn a_fault_has_no_place_in_a_history_and_a_wait_takes_no_time() {
    let told = Test { state: r#"{"Type":"Pass","InputPath":"$.x","End":true}"#, ..Test::default() }.told();
    assert_eq!(told.status, TestStatus::Failed);
    assert!(told.fault.cause.unwrap().starts_with("Invalid path '$.x'"));
    let told = Test { state: r#"{"Type":"Wait","Seconds":99999999,"End":true}"#, ..Test::default() }.told();
    assert_eq!(
        (told.status, told.output.unwrap().value()),
        (TestStatus::Succeeded, &Object::default().into())
    );
    let refused = Test { state: r#"{"Type":"Parallel","Branches":[],"End":true}"#, ..Test::default() }.run();
    assert_eq!(
        refused.unwrap_err(),
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be empty at \
         /States/StateName/Branches'"
    );
}

#[test]
fn a_mocked_map_takes_the_members_of_an_object_as_its_items() {
    let state = |more: &str| {
        let processor = r#"{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
            "StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}"#;
        format!(r#"{{"Type":"Map","ItemProcessor":{processor},"End":true,{more}}}"#)
    };
    let batched = state(r#""ToleratedFailurePercentage":50,"ItemBatcher":{"MaxItemsPerBatch":1}"#);
    let test = |state, failed| Test {
        state,
        input: r#"{"a":1,"b":2}"#,
        mock: Some(Ok("[]")),
        failed,
        ..Test::default()
    };
    let told = test(&batched, Some(1)).told();
    assert_eq!(told.status, TestStatus::Succeeded);
    let batches = r#"[{"Items":[{"Key":"a","Value":1}]},{"Items":[{"Key":"b","Value":2}]}]"#;
    assert_eq!(
        stages(&told.inspection)[..3],
        [
            r#"afterInputPath {"a":1,"b":2}"#,
            r#"afterItemsPath {"a":1,"b":2}"#,
            &format!("afterItemBatcher {batches}")
        ]
    );
    assert_eq!(test(&batched, Some(2)).told().status, TestStatus::Failed);
    assert!(test(&batched, Some(3)).run().unwrap_err().contains("must be less than or equal"));

    let selecting = state(r#""ItemSelector":{"k.$":"$$.Map.Item.Key","v.$":"$$.Map.Item.Value"}"#);
    let told = test(&selecting, None).told();
    assert!(
        stages(&told.inspection)
            .contains(&r#"afterItemSelector [{"k":"a","v":1},{"k":"b","v":2}]"#.to_owned())
    );
}

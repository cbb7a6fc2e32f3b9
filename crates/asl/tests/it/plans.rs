//! What a plan says of the definition it was compiled from.

use newel_asl::plan::{
    Comparison, Condition, DataPath, Kind, Operand, Query, ResultPath, Setting, State, Template,
    TemplateMember, Test, Transition, TypeTest, WaitUntil,
};
use newel_asl::{Pattern, Timestamp};

use crate::catalog::{compiled, with_state};

/// The state `X` with these fields, compiled.
fn state(fields: &str) -> State {
    let definition = if fields.contains(r#""Y""#) {
        format!(r#"{{"StartAt":"X","States":{{"X":{{{fields}}},"Y":{{"Type":"Succeed"}}}}}}"#)
    } else {
        with_state(fields)
    };
    let plan = compiled(&definition).unwrap_or_else(|found| panic!("{fields}: {found}"));
    assert_eq!(&*plan.root.start_at, "X");
    (*plan.root.states["X"]).clone()
}

#[test]
fn a_pass_state() {
    let bare = state(r#""Type":"Pass","End":true"#);
    assert!(matches!(bare.input_path, DataPath::Whole) && matches!(bare.output_path, DataPath::Whole));
    let Kind::Pass(pass) = bare.kind else { panic!("{:?}", bare.kind) };
    assert!(pass.result.is_none() && pass.parameters.is_none() && pass.transition == Transition::End);
    assert!(matches!(pass.result_path, ResultPath::Replace));

    let full = state(
        r#""Type":"Pass","Next":"Y","InputPath":null,"OutputPath":"$$.Execution","Result":{"a":1},"ResultPath":"$.r","Assign":{"v.$":"$.a"}"#,
    );
    assert!(matches!(full.input_path, DataPath::Empty));
    assert!(
        matches!(full.output_path, DataPath::Path(Query::Context(path)) if path.as_str() == "$.Execution")
    );
    assert!(matches!(full.assign, Some(Template::Object(members)) if &*members[0].0 == "v"));
    let Kind::Pass(pass) = full.kind else { panic!("{:?}", full.kind) };
    assert_eq!(pass.transition, Transition::Next("Y".into()));
    assert!(matches!(pass.result_path, ResultPath::At(path) if path.as_str() == "$.r"));
}

#[test]
fn a_template_is_literal_as_far_as_it_can_be() {
    let Kind::Pass(pass) = state(
        r#""Type":"Pass","End":true,"Parameters":{"lit":{"a":[1,{"b":null}]},"x.$":"$v.a","list":[1,{"y.$":"States.UUID()"}]}"#,
    )
    .kind
    else {
        panic!("no Pass")
    };
    let Some(Template::Object(members)) = pass.parameters else { panic!("not computed") };
    let names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["lit", "x", "list"]);
    assert!(matches!(&members[0].1, TemplateMember::Nested(Template::Literal(_))));
    let TemplateMember::Computed { field, expression } = &members[1].1 else { panic!("not computed") };
    assert_eq!((&**field, &*expression.source), ("x.$", "$v.a"));
    assert!(
        matches!(&expression.query, Query::Variable(name, path) if &**name == "v" && path.as_str() == "$.a")
    );
    let TemplateMember::Nested(Template::Array(list)) = &members[2].1 else { panic!("no array") };
    assert!(matches!(&list[..], [Template::Literal(_), Template::Object(_)]));

    let Kind::Pass(pass) = state(r#""Type":"Pass","End":true,"Parameters":{"a":{"b":[]}}"#).kind else {
        panic!("no Pass")
    };
    assert!(matches!(pass.parameters, Some(Template::Literal(_))));
}

#[test]
fn a_task_state() {
    let Kind::Task(task) = state(
        r#""Type":"Task","Next":"Y","Resource":"arn:aws:states:::batch:submitJob.sync","TimeoutSeconds":9,"HeartbeatSecondsPath":"$.h","ResultPath":null,"Credentials":{"RoleArn":"r"},"Retry":[{"ErrorEquals":["A"]},{"ErrorEquals":["States.ALL"],"IntervalSeconds":0,"MaxAttempts":0,"BackoffRate":1,"MaxDelaySeconds":7,"JitterStrategy":"FULL"}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Y","ResultPath":"$.e"}]"#,
    )
    .kind
    else {
        panic!("no Task")
    };
    assert_eq!(task.resource.pattern, Pattern::Job(1));
    assert!(matches!(task.timeout_seconds, Some(Setting::Value(9))));
    assert!(matches!(&task.heartbeat_seconds, Some(Setting::Path(path)) if &*path.source == "$.h"));
    assert!(matches!(task.result_path, ResultPath::Discard) && task.credentials.is_some());
    let [first, second] = &task.retry[..] else { panic!("{:?}", task.retry) };
    assert_eq!((first.interval_seconds, first.max_attempts, first.max_delay_seconds), (1, 3, None));
    assert!((first.backoff_rate - 2.0).abs() < f64::EPSILON && !first.full_jitter);
    assert_eq!((second.interval_seconds, second.max_attempts, second.max_delay_seconds), (0, 0, Some(7)));
    assert!((second.backoff_rate - 1.0).abs() < f64::EPSILON && second.full_jitter);
    let [catcher] = &task.catch[..] else { panic!("{:?}", task.catch) };
    assert!(&*catcher.next == "Y" && matches!(&catcher.result_path, ResultPath::At(_)));
}

#[test]
fn a_choice_state() {
    let Kind::Choice(choice) = state(
        r#""Type":"Choice","Default":"Y","Choices":[{"And":[{"Variable":"$.a","NumericLessThanEquals":1.5},{"Not":{"Variable":"$$.x","IsTimestamp":false}}],"Next":"Y"},{"Variable":"$v","TimestampGreaterThanPath":"$.t","Next":"Y","Assign":{"w":1}},{"Variable":"$.s","StringMatches":"a*","Next":"Y"}]"#,
    )
    .kind
    else {
        panic!("no Choice")
    };
    assert_eq!(choice.default.as_deref(), Some("Y"));
    let [and, timestamp, matches] = &choice.rules[..] else { panic!("{:?}", choice.rules) };
    let Condition::And(both) = &and.condition else { panic!("{:?}", and.condition) };
    let [Condition::Test { test, .. }, Condition::Not(not)] = &both[..] else { panic!("{both:?}") };
    assert!(matches!(test, Test::Numeric(Comparison::LessOrEqual, Operand::Literal(n)) if n.as_f64() == 1.5));
    assert!(matches!(
        &**not,
        Condition::Test { test: Test::Is(TypeTest::Timestamp, false), variable } if &*variable.source == "$$.x"
    ));
    assert!(matches!(
        &timestamp.condition,
        Condition::Test { test: Test::Timestamp(Comparison::Greater, Operand::Path(_)), .. }
    ));
    assert!(timestamp.assign.is_some() && and.assign.is_none());
    assert!(matches!(&matches.condition, Condition::Test { test: Test::Matches(p), .. } if &**p == "a*"));
}

#[test]
fn every_comparison_is_the_one_its_name_says() {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    for (name, expect) in [
        ("Equals", Equal),
        ("LessThan", Less),
        ("LessThanEquals", LessOrEqual),
        ("GreaterThan", Greater),
        ("GreaterThanEquals", GreaterOrEqual),
    ] {
        for (domain, literal) in
            [("String", r#""s""#), ("Numeric", "1"), ("Timestamp", r#""2030-01-01T00:00:00Z""#)]
        {
            for (suffix, operand) in [("", literal), ("Path", r#""$.p""#)] {
                let fields = format!(
                    r#""Type":"Choice","Choices":[{{"Variable":"$.v","{domain}{name}{suffix}":{operand},"Next":"Y"}}]"#
                );
                let Kind::Choice(choice) = state(&fields).kind else { panic!("no Choice") };
                let Condition::Test { test, .. } = &choice.rules[0].condition else { panic!("no test") };
                let (found, path) = match test {
                    Test::String(comparison, operand) if domain == "String" => {
                        (*comparison, matches!(operand, Operand::Path(_)))
                    }
                    Test::Numeric(comparison, operand) if domain == "Numeric" => {
                        (*comparison, matches!(operand, Operand::Path(_)))
                    }
                    Test::Timestamp(comparison, operand) if domain == "Timestamp" => {
                        (*comparison, matches!(operand, Operand::Path(_)))
                    }
                    other => panic!("{fields}: {other:?}"),
                };
                assert_eq!((found, path), (expect, suffix == "Path"), "{fields}");
            }
        }
    }
}

#[test]
fn wait_and_fail_states() {
    let until = |fields: &str| match state(&format!(r#""Type":"Wait","End":true,{fields}"#)).kind {
        Kind::Wait(wait) => wait.until,
        other => panic!("{other:?}"),
    };
    assert!(matches!(until(r#""Seconds":3.0"#), WaitUntil::Seconds(Setting::Value(3))));
    assert!(matches!(until(r#""SecondsPath":"$.s""#), WaitUntil::Seconds(Setting::Path(_))));
    assert!(matches!(until(r#""TimestampPath":"$.t""#), WaitUntil::Timestamp(Setting::Path(_))));
    let WaitUntil::Timestamp(Setting::Value(at)) = until(r#""Timestamp":"1970-01-01T00:00:01Z""#) else {
        panic!("no timestamp")
    };
    assert_eq!(at, Timestamp::from_millis(1_000));

    let Kind::Fail(fail) = state(r#""Type":"Fail","Error":"e","CausePath":"States.Format('{}', $.c)""#).kind
    else {
        panic!("no Fail")
    };
    assert!(matches!(&fail.error, Some(Setting::Value(error)) if &**error == "e"));
    assert!(matches!(&fail.cause, Some(Setting::Path(path)) if matches!(path.query, Query::Intrinsic(_))));
}

#[test]
fn parallel_and_map_states() {
    let Kind::Parallel(parallel) = state(
        r#""Type":"Parallel","Next":"Y","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},{"StartAt":"B","States":{"B":{"Type":"Fail"}}}],"ResultSelector":{"r.$":"$[0]"}"#,
    )
    .kind
    else {
        panic!("no Parallel")
    };
    let starts: Vec<&str> = parallel.branches.iter().map(|branch| &*branch.start_at).collect();
    assert_eq!(starts, ["A", "B"]);
    assert!(parallel.result_selector.is_some());

    for (processor, selector) in [("ItemProcessor", "ItemSelector"), ("Iterator", "Parameters")] {
        let Kind::Map(map) = state(&format!(
            r#""Type":"Map","Next":"Y","{processor}":{{"StartAt":"A","States":{{"A":{{"Type":"Succeed"}}}}}},"{selector}":{{"i.$":"$$.Map.Item.Value"}},"ItemsPath":"$.items","MaxConcurrencyPath":"$.n","ToleratedFailureCount":2,"ToleratedFailurePercentagePath":"$.p""#
        ))
        .kind
        else {
            panic!("no Map")
        };
        assert!(map.item_selector.is_some() && map.items_path.is_some());
        assert!(matches!(map.max_concurrency, Setting::Path(_)));
        assert!(matches!(map.tolerated_failure_count, Some(Setting::Value(2))));
        assert!(matches!(map.tolerated_failure_percentage, Some(Setting::Path(_))));
    }
}

#[test]
fn the_machine() {
    let plan = |timeout: &str| {
        compiled(&format!(r#"{{"StartAt":"X",{timeout}"States":{{"X":{{"Type":"Succeed"}}}}}}"#))
            .expect("valid")
    };
    assert_eq!(plan("").timeout_seconds, None);
    assert_eq!(plan(r#""TimeoutSeconds":0,"#).timeout_seconds, None);
    assert_eq!(plan(r#""TimeoutSeconds":5,"#).timeout_seconds, Some(5));
}

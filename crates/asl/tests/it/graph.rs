//! What is said about the graph of states, in the order AWS says it.

use newel_asl::MachineType;

use crate::catalog::said;

/// A definition of these states that starts at `A`.
fn check(states: &str, expect: &str) {
    let definition = format!(r#"{{"StartAt":"A","States":{{{states}}}}}"#);
    assert_eq!(said(&definition, MachineType::Standard), expect, "{states}");
}

#[test]
fn a_workflow_has_an_end() {
    let ends_nowhere = "MISSING_END_STATE: Workflow has no terminal state at null";
    let loop_ = r#""A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}"#;
    check(loop_, ends_nowhere);
    check(&format!(r#"{loop_},"C":{{"Type":"Pass","Next":"A"}}"#), ends_nowhere);
    check(
        &format!(r#"{loop_},"C":{{"Type":"Pass","End":true}}"#),
        "MISSING_TRANSITION_TARGET: State \"C\" is not reachable. at /States/C",
    );
    check(
        r#""A":{"Type":"Pass","Next":"NOPE"}"#,
        &format!("MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next | {ends_nowhere}"),
    );
    check(r#""A":{"Type":"Fail"}"#, "");
}

#[test]
fn targets_exist_and_states_are_reached() {
    check(
        r#""A":{"Type":"Pass","Next":"Z"},"B":{"Type":"Pass","End":true}"#,
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/A/Next | MISSING_TRANSITION_TARGET: State \
         \"B\" is not reachable. at /States/B",
    );
    check(
        r#""A":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"Y"}],"Default":"Z"},"B":{"Type":"Succeed"}"#,
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/A/Choices[0]/Next | \
         MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/A/Default | \
         MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B",
    );
    check(
        r#""A":{"Type":"Task","Resource":"arn:aws:states:::s:a","Catch":[{"ErrorEquals":["E"],"Next":"B"},{"ErrorEquals":["F"],"Next":"Z"}],"End":true},"B":{"Type":"Succeed"}"#,
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/A/Catch[1]/Next",
    );
    let definition = r#"{"StartAt":"Z","States":{"A":{"Type":"Succeed"}}}"#;
    assert_eq!(
        said(definition, MachineType::Standard),
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /StartAt | MISSING_TRANSITION_TARGET: State \"A\" \
         is not reachable. at /States/A"
    );
}

#[test]
fn a_scope_is_a_graph_of_its_own() {
    check(
        r#""A":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"A"},"C":{"Type":"Succeed"}}}]}"#,
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: A at /States/A/Branches[0]/States/B/Next | \
         MISSING_TRANSITION_TARGET: State \"C\" is not reachable. at /States/A/Branches[0]/States/C",
    );
    check(
        r#""A":{"Type":"Map","End":true,"Iterator":{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"B"}}}}"#,
        "",
    );
}

#[test]
fn names() {
    check(
        r#""A":{"Type":"Map","Next":"B","Iterator":{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}}},"B":{"Type":"Succeed"}"#,
        "DUPLICATE_STATE_NAME: Duplicate State name: B at /States/B",
    );
    let (longest, longer) = ("é".repeat(80), "é".repeat(81));
    check(&format!(r#""A":{{"Type":"Pass","Next":"{longest}"}},"{longest}":{{"Type":"Succeed"}}"#), "");
    check(
        &format!(r#""A":{{"Type":"Pass","Next":"{longer}"}},"{longer}":{{"Type":"Succeed"}}"#),
        &format!(
            "INVALID_STATE_NAME: Invalid State name: State exceeds the 80-character limit allowed by the service at \
             /States/{longer}"
        ),
    );
}

#[test]
fn a_graph_is_not_judged_by_states_that_could_not_be_read() {
    check(
        r#""A":{"Type":"Pass"}"#,
        "This object should have only one of the following fields: [Next, End] at /States/A",
    );
}

#[test]
fn scopes_nest_so_deep_and_no_deeper() {
    let nested = |levels: usize| {
        let mut inner = r#"{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}"#.to_owned();
        for level in 1..levels {
            inner = format!(
                r#"{{"StartAt":"P{level}","States":{{"P{level}":{{"Type":"Parallel","End":true,"Branches":[{inner}]}}}}}}"#
            );
        }
        inner
    };
    assert_eq!(said(&nested(64), MachineType::Standard), "");
    let refused = said(&nested(65), MachineType::Standard);
    assert!(
        refused.starts_with("TOO_DEEPLY_NESTED: States are nested deeper than 64 levels at "),
        "{refused}"
    );
}

#[test]
fn what_is_said_is_bounded() {
    let states: Vec<String> = (0..500).map(|i| format!(r#""S{i}":{{"Type":"Nope"}}"#)).collect();
    let definition = format!(r#"{{"StartAt":"S0","States":{{{}}}}}"#, states.join(","));
    let refused = crate::catalog::compiled(&definition).expect_err("no such type");
    assert!(refused.is_truncated());
    assert_eq!(refused.as_slice().len(), newel_asl::diagnostic::MAX_DIAGNOSTICS);
}

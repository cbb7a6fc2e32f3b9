//! JSONata states: where expressions may stand and what they may see.

use newel_asl::plan::{Condition, Kind, QueryLanguage, Setting, Template, WaitUntil};

use crate::catalog::{check_states, compiled, said, with_state};
use newel_asl::MachineType::Standard;

/// The fields of a JSONata state.
fn jsonata(fields: &str) -> String {
    format!(r#""QueryLanguage":"JSONata",{fields}"#)
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (fields, expect) in cases {
        assert_eq!(said(&with_state(&jsonata(fields)), Standard), *expect, "{fields}");
    }
}

#[test]
fn the_machine_says_the_language_of_inner_states() {
    let machine = |language: &str, state: &str| {
        format!(
            r#"{{"QueryLanguage":"{language}","StartAt":"M","States":{{"M":{{"Type":"Map","QueryLanguage":"JSONata","End":true,
                "ItemProcessor":{{"StartAt":"P","States":{{"P":{{"Type":"Pass","End":true{state}}}}}}}}}}}}}"#
        )
    };
    let at = "/States/M/ItemProcessor/States/P";
    for (language, state, expect) in [
        ("JSONPath", r#","InputPath":"$.a""#, String::new()),
        ("JSONPath", r#","QueryLanguage":"JSONata","Output":1"#, String::new()),
        (
            "JSONPath",
            r#","Output":1"#,
            format!(
                "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at {at}"
            ),
        ),
        ("JSONata", r#","Output":1"#, String::new()),
        (
            "JSONata",
            r#","QueryLanguage":"JSONPath""#,
            format!(
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at {at}"
            ),
        ),
    ] {
        assert_eq!(said(&machine(language, state), Standard), expect, "{language} {state}");
    }
}

#[test]
fn fields_of_json_path_are_refused() {
    let refused = |field: &str| {
        format!(
            "The QueryLanguage is set to 'JSONata', but field '{field}' is only supported for the 'JSONPath' \
             QueryLanguage at /States/X"
        )
    };
    check(&[
        (r#""Type":"Pass","End":true,"InputPath":"$.a""#, &refused("InputPath")),
        (r#""Type":"Pass","End":true,"Result":1"#, &refused("Result")),
        (r#""Type":"Pass","End":true,"Parameters":{"a.$":"$.b"}"#, &refused("Parameters")),
        (
            r#""Type":"Map","End":true,"MaxConcurrencyPath":"$.m","ItemProcessor":{"StartAt":"Y","States":{"Y":{"Type":"Succeed"}}}"#,
            &refused("MaxConcurrencyPath"),
        ),
        (
            r#""Type":"Choice","Default":"X","Choices":[{"Variable":"$.a","IsNull":true,"Next":"X"}]"#,
            &format!("{}/Choices[0]", refused("Variable")),
        ),
        (
            r#""Type":"Task","Resource":"arn:aws:states:::a:b","End":true,"Catch":[{"ErrorEquals":["E"],"Next":"X","ResultPath":"$.a"}]"#,
            &format!("{}/Catch[0]", refused("ResultPath")),
        ),
    ]);
}

#[test]
fn expressions_that_do_not_parse_are_refused_where_they_stand() {
    let pass = |output: &str| format!(r#""Type":"Pass","End":true,"Output":{output}"#);
    check(&[
        (
            &pass(r#""{% 1 + %}""#),
            "INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/X/Output",
        ),
        (
            &pass(r#"{"a":{"b":[1,"{% a[1,2) %}"]}}"#),
            "INVALID_JSONATA_EXPRESSION: Expected \"]\", got \",\" at /States/X/Output/a/b[1]",
        ),
        (
            &pass(r#""{% \"unterminated %}""#),
            "INVALID_JSONATA_EXPRESSION: String literal must be terminated by a matching quote at /States/X/Output",
        ),
        (
            &pass(r#""{% 1""#),
            "INVALID_JSONATA_EXPRESSION: A JSONata expression must start with '{%' and end with '%}' at /States/X/Output",
        ),
        (&pass(r#"" {% nothing parsed ) %} ""#), ""),
        (
            r#""Type":"Choice","Default":"X","Choices":[{"Condition":"{% ( %}","Next":"X"}]"#,
            "INVALID_JSONATA_EXPRESSION: Expected \")\" before end of expression at /States/X/Choices[0]/Condition",
        ),
        (
            r#""Type":"Wait","End":true,"Seconds":"{% ( %}""#,
            "INVALID_JSONATA_EXPRESSION: Expected \")\" before end of expression at /States/X/Seconds",
        ),
    ]);
    check_states(&[(r#""Type":"Pass","End":true,"Parameters":{"a":"{% ( %}"}"#, "")]);
}

#[test]
fn states_has_a_result_and_an_error_output_only_where_there_is_one() {
    let task =
        |fields: &str| format!(r#""Type":"Task","Resource":"arn:aws:states:::a:b","End":true,{fields}"#);
    let missing = |member: &str, at: &str| {
        format!("UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.{member}' does not exist. at /States/X/{at}")
    };
    let all = r#"["{% $states.input.a %}","{% $states.context.b %}","{% $states %}"]"#;
    check(&[
        (&format!(r#""Type":"Pass","End":true,"Output":{all}"#), ""),
        (&task(r#""Output":"{% $states.result.a %}","Assign":{"v":"{% $states.result %}"}"#), ""),
        (&task(r#""Arguments":{"P":"{% $states.result %}"}"#), &missing("result", "Arguments/P")),
        (&task(r#""Output":"{% $states.errorOutput %}""#), &missing("errorOutput", "Output")),
        (
            &task(
                r#""Catch":[{"ErrorEquals":["E"],"Next":"X","Output":"{% $states.errorOutput.Cause %}","Assign":{"v":"{% $states.errorOutput %}"}}]"#,
            ),
            "",
        ),
        (
            &task(r#""Catch":[{"ErrorEquals":["E"],"Next":"X","Output":"{% $states.result %}"}]"#),
            &missing("result", "Catch[0]/Output"),
        ),
        (r#""Type":"Pass","End":true,"Output":"{% $states.result %}""#, &missing("result", "Output")),
        (r#""Type":"Pass","End":true,"Output":"{% $states.nope %}""#, &missing("nope", "Output")),
    ]);
}

#[test]
fn there_is_no_input_but_that_of_states() {
    let pass =
        |expression: &str| format!(r#""Type":"Pass","End":true,"Output":{{"v":"{{% {expression} %}}"}}"#);
    let unsupported = |what: &str| {
        format!(
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '{what}' at the top level is not supported. at /States/X/Output/v"
        )
    };
    check(&[
        (&pass("$states.input.items[phone > 3].phone"), ""),
        (&pass("$phone"), ""),
        (&pass("phone"), &unsupported("phone")),
        (&pass("aaa + bbb"), &format!("{} | {}", unsupported("aaa"), unsupported("bbb"))),
        (&pass("$.phone"), &unsupported("$")),
        (
            &pass("$$"),
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported. at /States/X/Output/v",
        ),
    ]);
}

#[test]
fn a_condition_is_a_truth_value_or_an_expression() {
    let choice = |condition: &str| {
        format!(r#""Type":"Choice","Default":"X","Choices":[{{"Condition":{condition},"Next":"X"}}]"#)
    };
    let wrong = "Expected value of type Boolean or a JSONata expression at /States/X/Choices[0]/Condition";
    check(&[
        (&choice(r#""yes""#), wrong),
        (&choice("1"), "Expected value of type Boolean at /States/X/Choices[0]/Condition"),
    ]);
}

#[test]
fn expressions_are_compiled_with_the_field_they_are_for() {
    let state = |fields: &str| {
        let plan = compiled(&with_state(&jsonata(fields))).unwrap_or_else(|why| panic!("{why}"));
        let state = &plan.root.states["X"];
        assert_eq!(state.language, QueryLanguage::Jsonata);
        state.as_ref().clone()
    };
    let output = state(r#""Type":"Succeed","Output":"{% $states.input %}""#).output;
    let Some(Template::Jsonata(jsonata)) = output else { panic!("{output:?}") };
    assert_eq!((&*jsonata.field, jsonata.expression.source()), ("Output", "$states.input"));

    let Kind::Wait(wait) = state(r#""Type":"Wait","End":true,"Timestamp":"{%$t%}""#).kind else { panic!() };
    assert!(matches!(wait.until, WaitUntil::Timestamp(Setting::Jsonata(it)) if &*it.field == "Timestamp"));

    let choice = state(r#""Type":"Succeed","Output":[1,{"a":"b"}]"#).output;
    assert!(matches!(choice, Some(Template::Literal(_))));

    let definition = with_state(
        r#""Type":"Choice","QueryLanguage":"JSONata","Default":"E","Choices":[{"Condition":true,"Next":"E"},{"Condition":"{% $a %}","Next":"E"}]},"E":{"Type":"Succeed""#,
    );
    let plan = compiled(&definition).unwrap_or_else(|why| panic!("{why}"));
    let Kind::Choice(choice) = &plan.root.states["X"].kind else { panic!() };
    assert!(matches!(choice.rules[0].condition, Condition::Constant(true)));
    assert!(
        matches!(&choice.rules[1].condition, Condition::Jsonata(it) if &*it.field == "Choices[1]/Condition")
    );
}

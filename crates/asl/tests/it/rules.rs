//! What is said about the rules of a state: of Choice, Retry and Catch.

use newel_asl::MachineType;

use crate::catalog::{check_states, said, with_state};

#[test]
fn retriers_and_catchers() {
    let rows = [
        (r#""Retry":[],"Catch":[]"#, ""),
        (r#""Retry":[{}]"#, "These fields are required: [ErrorEquals] at /States/X/Retry[0]"),
        (r#""Retry":{}"#, "Expected value of type Array at /States/X/Retry"),
        (r#""Retry":[1]"#, "Expected value of type Object at /States/X/Retry[0]"),
        (r#""Retry":[{"ErrorEquals":[]}]"#, "Value cannot be empty at /States/X/Retry[0]/ErrorEquals"),
        (
            r#""Retry":[{"ErrorEquals":["A",1]}]"#,
            "Expected value of type String at /States/X/Retry[0]/ErrorEquals[1]",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A","States.ALL"]}]"#,
            "States.ALL must appear alone and at end of list at /States/X/Retry[0]/ErrorEquals",
        ),
        (
            r#""Catch":[{"ErrorEquals":["States.ALL"],"Next":"Y"},{"ErrorEquals":["A"],"Next":"Y"}]"#,
            "States.ALL must appear alone and at end of list at /States/X/Catch[0]/ErrorEquals",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"Extra":1}]"#,
            "Field 'Extra' is not supported at /States/X/Retry[0]",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"IntervalSeconds":-1}]"#,
            "Minimum value is 0 at /States/X/Retry[0]/IntervalSeconds",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"IntervalSeconds":100000000}]"#,
            "Maximum value is 99999999 at /States/X/Retry[0]/IntervalSeconds",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"MaxAttempts":1.5}]"#,
            "Expected value of type Integer at /States/X/Retry[0]/MaxAttempts",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"MaxAttempts":100000000}]"#,
            "Maximum value is 99999999 at /States/X/Retry[0]/MaxAttempts",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"BackoffRate":0.9}]"#,
            "Minimum value is 1.0 at /States/X/Retry[0]/BackoffRate",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"BackoffRate":"2"}]"#,
            "Expected value of type Float at /States/X/Retry[0]/BackoffRate",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"MaxDelaySeconds":0}]"#,
            "Minimum value is 1 at /States/X/Retry[0]/MaxDelaySeconds",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"MaxDelaySeconds":31622401}]"#,
            "Maximum value is 31622400 at /States/X/Retry[0]/MaxDelaySeconds",
        ),
        (
            r#""Retry":[{"ErrorEquals":["A"],"JitterStrategy":"HALF"}]"#,
            "Value should be one of the following: [NONE, FULL] at /States/X/Retry[0]/JitterStrategy",
        ),
        (r#""Catch":[{"ErrorEquals":["A"]}]"#, "These fields are required: [Next] at /States/X/Catch[0]"),
        (r#""Catch":[{"Next":"Y"}]"#, "These fields are required: [ErrorEquals] at /States/X/Catch[0]"),
        (
            r#""Catch":[{"ErrorEquals":["A"],"Next":"Y","ResultPath":"$$.x"}]"#,
            "Value is not a Reference Path at /States/X/Catch[0]/ResultPath",
        ),
        (
            r#""Catch":[{"ErrorEquals":["A"],"Next":"Y","Output":1}]"#,
            "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' \
             QueryLanguage at /States/X/Catch[0]",
        ),
    ];
    for (fields, expect) in rows {
        check_states(&[(
            &format!(r#""Type":"Task","End":true,"Resource":"arn:aws:states:::s:a",{fields}"#),
            expect,
        )]);
    }
}

#[test]
fn choices() {
    let selectors =
        "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]";
    let one = |rest: &str| format!("{selectors} at /States/X/Choices[0]{rest}");
    let rule = "/States/X/Choices[0]";
    for (choice, expect) in [
        (r#"{"Variable":"$.a","IsPresent":true,"Next":"Y","Comment":"c"}"#, String::new()),
        (r#"{"Variable":"$.a","StringEqualsPath":"$$.Execution.Name","Next":"Y"}"#, String::new()),
        ("1", format!("Expected value of type Object at {rule}")),
        (r#"{"Next":"Y"}"#, one("")),
        (r#"{"Variable":"$.a","IsNull":true,"Not":{},"Next":"Y"}"#, one("")),
        (r#"{"Not":{},"Next":"Y"}"#, one("/Not")),
        (r#"{"Variable":"$.a","IsNull":true}"#, format!("These fields are required: [Next] at {rule}")),
        (
            r#"{"Variable":"$.a","IsNull":true,"IsString":true,"Next":"Y"}"#,
            format!("There should only be one of the following fields: [IsNull, IsString] at {rule}"),
        ),
        (
            r#"{"Variable":"$.a","IsNull":true,"Output":1,"Next":"Y"}"#,
            format!(
                "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' \
                 QueryLanguage at {rule}"
            ),
        ),
        (r#"{"And":[],"Next":"Y"}"#, format!("Value cannot be empty at {rule}/And")),
        (
            r#"{"Or":[{"Variable":"$.a","IsNull":true,"Next":"Y"}],"Next":"Y"}"#,
            format!("Field 'Next' is not supported at {rule}/Or[0]"),
        ),
        (
            r#"{"Variable":"$.a","StringLike":"x","IsNull":true,"Next":"Y"}"#,
            format!("Field 'StringLike' is not supported at {rule}"),
        ),
        (
            r#"{"And":[{"Variable":"$.a","IsNull":true}],"IsNull":true,"Next":"Y"}"#,
            format!("Field 'IsNull' is not supported at {rule}"),
        ),
        (
            r#"{"Variable":"$.a","StringEquals":1,"Next":"Y"}"#,
            format!("Expected value of type String at {rule}/StringEquals"),
        ),
        (
            r#"{"Variable":"$.a","NumericLessThan":"1","Next":"Y"}"#,
            format!("Expected value of type Number at {rule}/NumericLessThan"),
        ),
        (
            r#"{"Variable":"$.a","BooleanEquals":"true","Next":"Y"}"#,
            format!("Expected value of type Boolean at {rule}/BooleanEquals"),
        ),
        (
            r#"{"Variable":"$.a","IsNull":1,"Next":"Y"}"#,
            format!("Expected value of type Boolean at {rule}/IsNull"),
        ),
        (
            r#"{"Variable":"$.a","TimestampEquals":"noon","Next":"Y"}"#,
            format!("String does not match RFC3339 timestamp at {rule}/TimestampEquals"),
        ),
        (
            r#"{"Variable":"a","IsNull":true,"Next":"Y"}"#,
            format!("Value is not a Reference Path: Reference path didn't start with '$' at {rule}/Variable"),
        ),
        (
            r#"{"Variable":"$.a[*]","IsNull":true,"Next":"Y"}"#,
            format!("Value is not a Reference Path at {rule}/Variable"),
        ),
        (
            r#"{"Variable":"$.a","NumericEqualsPath":1,"Next":"Y"}"#,
            format!("Expected value of type String at {rule}/NumericEqualsPath"),
        ),
        (
            r#"{"Condition":"{% true %}","Next":"Y"}"#,
            "The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for the 'JSONata' \
             QueryLanguage at /States/X/Choices[0]"
                .to_owned(),
        ),
    ] {
        let definition =
            format!(r#"{{"StartAt":"X","States":{{"X":{{"Type":"Choice","Choices":[{choice}]}},"Y":{{"Type":"Succeed"}}}}}}"#);
        assert_eq!(said(&definition, MachineType::Standard), expect, "{choice}");
    }
    check_states(&[
        (r#""Type":"Choice""#, "These fields are required: [Choices] at /States/X"),
        (r#""Type":"Choice","Choices":[]"#, "Value cannot be empty at /States/X/Choices"),
    ]);
    let no_operator = said(
        &with_state(r#""Type":"Choice","Choices":[{"Variable":"$.a","Next":"X"}]"#),
        MachineType::Standard,
    );
    assert!(
        no_operator.starts_with("This object should have only one of the following fields: [StringEquals, "),
        "{no_operator}"
    );
    let deep = format!(r#"{}"Variable":"$.a","IsNull":true{}"#, r#""Not":{"#.repeat(70), "}".repeat(70));
    let text = said(
        &with_state(&format!(r#""Type":"Choice","Choices":[{{{deep},"Next":"X"}}]"#)),
        MachineType::Standard,
    );
    assert!(
        text.starts_with("TOO_DEEPLY_NESTED: Choice rules are nested deeper than 64 levels at "),
        "{text}"
    );
}

//! What is said about fields: one row a rule.

use newel_asl::{Limits, MachineType, compile};

use crate::catalog::{TestCatalog, check_states, said, with_state};

fn check(cases: &[(&str, &str)]) {
    for (definition, expect) in cases {
        assert_eq!(said(definition, MachineType::Standard), *expect, "{definition}");
    }
}

#[test]
fn texts_that_are_no_definition() {
    check(&[
        ("{}", "These fields are required: [States, StartAt] at /"),
        (r#"{"States":{"S":{"Type":"Pass","End":true}}}"#, "These fields are required: [StartAt] at /"),
        (" ", "Definition must be a valid JSON object at null"),
        ("[]", "Definition must be a valid JSON object at null"),
        (
            "not a definition",
            "INVALID_JSON_DESCRIPTION: Unrecognized token 'not': was expecting (JSON String, Number, Array, Object \
             or token 'null', 'true' or 'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4] at \
             [Source: (String)\"not a definition\"; line: 1, column: 4]",
        ),
    ]);
    let unclosed = format!("{{\n\"{}", "x".repeat(600));
    let text = said(&unclosed, MachineType::Standard);
    let source =
        format!("[Source: (String)\"{{\n\"{}\"[truncated 103 chars]; line: 2, column: ", "x".repeat(497));
    assert!(text.starts_with("INVALID_JSON_DESCRIPTION: ") && text.contains(&source), "{text}");
}

#[test]
fn fields_of_the_definition() {
    let pass = r#""StartAt":"X","States":{"X":{"Type":"Pass","End":true}}"#;
    for (field, expect) in [
        (r#""Comment":"c","Version":"1.0","TimeoutSeconds":0,"QueryLanguage":"JSONPath""#, ""),
        (r#""Comment":1"#, "Expected value of type String at /Comment"),
        (r#""Version":"2.0""#, "Value should be one of the following: [1.0] at /Version"),
        (r#""TimeoutSeconds":-1"#, "Minimum value is 0 at /TimeoutSeconds"),
        (r#""TimeoutSeconds":100000000"#, "Maximum value is 99999999 at /TimeoutSeconds"),
        (r#""TimeoutSeconds":"1""#, "Expected value of type Integer at /TimeoutSeconds"),
        (
            r#""QueryLanguage":"X""#,
            "Value should be one of the following: [JSONPath, JSONata] at /QueryLanguage",
        ),
        (r#""Extra":1"#, "Field 'Extra' is not supported at /"),
    ] {
        assert_eq!(said(&format!("{{{field},{pass}}}"), MachineType::Standard), expect, "{field}");
    }
    check(&[
        (r#"{"StartAt":1,"States":{"X":{"Type":"Succeed"}}}"#, "Expected value of type String at /StartAt"),
        (r#"{"StartAt":"X","States":[]}"#, "Expected value of type Object at /States"),
        (r#"{"StartAt":"X","States":{}}"#, "Value cannot be empty at /States"),
        (r#"{"StartAt":"X","States":{"X":1}}"#, "Expected value of type Object at /States/X"),
    ]);
}

#[test]
fn a_definition_is_bounded_in_size() {
    let definition = with_state(r#""Type":"Succeed""#);
    let limits = Limits { definition_bytes: definition.len() - 1, ..Limits::default() };
    let refused = compile(&definition, MachineType::Standard, &TestCatalog, &limits).expect_err("too large");
    assert!(refused.to_string().contains("Definition must not be larger than"), "{refused}");
}

#[test]
fn types_and_their_fields() {
    let types = "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]";
    let not_a_type = format!("The field 'Type' should have one of these values: {types} at /States/X/Type");
    check_states(&[
        (r#""End":true"#, "These fields are required: [Type] at /States/X"),
        (r#""Type":"pass","End":true"#, &not_a_type),
        (r#""Type":1"#, &not_a_type),
        (r#""Type":"Pass","End":true,"pass":1"#, "Field 'pass' is not supported at /States/X"),
        (
            r#""Type":"Pass","End":true,"TimeoutSeconds":1"#,
            "Field 'TimeoutSeconds' is not supported at /States/X",
        ),
        (r#""Type":"Pass","End":true,"Catch":[]"#, "Field 'Catch' is not supported at /States/X"),
        (
            r#""Type":"Wait","Seconds":1,"End":true,"ResultPath":null"#,
            "Field 'ResultPath' is not supported at /States/X",
        ),
        (r#""Type":"Succeed","Next":"X""#, "Field 'Next' is not supported at /States/X"),
        (r#""Type":"Fail","InputPath":"$""#, "Field 'InputPath' is not supported at /States/X"),
        (r#""Type":"Fail","Assign":{"a":1}"#, "Field 'Assign' is not supported at /States/X"),
        (r#""Type":"Succeed","Comment":["c"]"#, "Expected value of type String at /States/X/Comment"),
        (
            r#""Type":"Pass","End":true,"Output":1"#,
            "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' \
             QueryLanguage at /States/X",
        ),
    ]);
}

#[test]
fn next_and_end() {
    check_states(&[
        (
            r#""Type":"Pass""#,
            "This object should have only one of the following fields: [Next, End] at /States/X",
        ),
        (
            r#""Type":"Pass","End":false"#,
            "This object should have only one of the following fields: [Next, End] at /States/X",
        ),
        (
            r#""Type":"Pass","End":true,"Next":"X""#,
            "There should only be one of the following fields: [Next, End] at /States/X",
        ),
        (r#""Type":"Pass","End":"true""#, "Expected value of type Boolean at /States/X/End"),
        (r#""Type":"Pass","Next":1"#, "Expected value of type String at /States/X/Next"),
    ]);
}

#[test]
fn paths() {
    let not_a_path = |field: &str| format!("Value must be a valid JSONPath. at /States/X/{field}");
    let no_dollar = |field: &str| {
        format!("Value is not a Reference Path: Reference path didn't start with '$' at /States/X/{field}")
    };
    let no_reference = |field: &str| format!("Value is not a Reference Path at /States/X/{field}");
    for (path, input, result) in [
        ("null", true, true),
        (r#""$""#, true, true),
        (r#""$.a['b'][0]""#, true, true),
        (r#""$$.Execution.Id""#, true, false),
        (r#""$variable.x""#, true, false),
        (r#""$.a[*]""#, true, false),
        (r#""$..a""#, true, false),
        (r#""$.a[""#, false, false),
    ] {
        let expect = if input { String::new() } else { not_a_path("InputPath") };
        check_states(&[(&format!(r#""Type":"Pass","End":true,"InputPath":{path}"#), &expect)]);
        let expect = if result { String::new() } else { no_reference("ResultPath") };
        check_states(&[(&format!(r#""Type":"Pass","End":true,"ResultPath":{path}"#), &expect)]);
    }
    for path in [r#""Test""#, "1", r#""States.UUID()""#] {
        check_states(&[
            (&format!(r#""Type":"Pass","End":true,"OutputPath":{path}"#), &not_a_path("OutputPath")),
            (&format!(r#""Type":"Pass","End":true,"ResultPath":{path}"#), &no_dollar("ResultPath")),
        ]);
    }
    check_states(&[
        (r#""Type":"Wait","End":true,"SecondsPath":"$.s""#, ""),
        (r#""Type":"Wait","End":true,"SecondsPath":"$variable""#, ""),
        (r#""Type":"Wait","End":true,"SecondsPath":"$$.s""#, &no_reference("SecondsPath")),
        (r#""Type":"Wait","End":true,"SecondsPath":"s""#, &no_dollar("SecondsPath")),
        (
            r#""Type":"Wait","End":true,"SecondsPath":5"#,
            "Expected value of type String at /States/X/SecondsPath",
        ),
        (r#""Type":"Wait","End":true,"TimestampPath":"$.t[*]""#, &no_reference("TimestampPath")),
        (r#""Type":"Fail","ErrorPath":"$$.State.Name","CausePath":"States.Format('{}', $.c)""#, ""),
        (r#""Type":"Fail","ErrorPath":"States.Nope()""#, &no_dollar("ErrorPath")),
        (r#""Type":"Fail","CausePath":"$.a[*]""#, &no_reference("CausePath")),
        (
            r#""Type":"Fail","Error":"e","ErrorPath":"$.e""#,
            "There should only be one of the following fields: [Error, ErrorPath] at /States/X",
        ),
        (r#""Type":"Fail","Cause":{}"#, "Expected value of type String at /States/X/Cause"),
    ]);
}

#[test]
fn waits() {
    let forms = "[SecondsPath, Seconds, TimestampPath, Timestamp] at /States/X";
    let none = format!("This object should have only one of the following fields: {forms}");
    let two = format!("There should only be one of the following fields: {forms}");
    let no_time = "String does not match RFC3339 timestamp at /States/X/Timestamp";
    check_states(&[
        (r#""Type":"Wait","End":true"#, &none),
        (r#""Type":"Wait","End":true,"Seconds":1,"SecondsPath":"$.s""#, &two),
        (r#""Type":"Wait","End":true,"Seconds":0"#, ""),
        (r#""Type":"Wait","End":true,"Seconds":-1"#, "Minimum value is 0 at /States/X/Seconds"),
        (r#""Type":"Wait","End":true,"Seconds":100000000"#, "Maximum value is 99999999 at /States/X/Seconds"),
        (r#""Type":"Wait","End":true,"Seconds":1.5"#, "Expected value of type Integer at /States/X/Seconds"),
        (
            r#""Type":"Wait","End":true,"Seconds":"$.s""#,
            "Expected value of type Integer at /States/X/Seconds",
        ),
        (r#""Type":"Wait","End":true,"Timestamp":"2030-01-01T00:00:00+01:00""#, ""),
        (r#""Type":"Wait","End":true,"Timestamp":"2030-01-01t00:00:00Z""#, no_time),
        (r#""Type":"Wait","End":true,"Timestamp":"2030-01-01T00:00:00""#, no_time),
    ]);
}

#[test]
fn templates() {
    let at = |key: &str, location: &str| {
        format!(
            "The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call at {location}"
        )
    };
    let here = "/States/X/Parameters";
    for (template, expect) in [
        (r#"{"a":1,"b.$":"$.b","c":{"d.$":"$$.Execution.Id"},"e":[{"f.$":"States.UUID()"}],"g.$":"$v"}"#, ""),
        (r#"{"parsed.$":1}"#, &*at("parsed.$", here)),
        (r#"{"parsed.$":"text"}"#, &*at("parsed.$", here)),
        (r#"{"a.$":"States.uuid()"}"#, &*at("a.$", here)),
        (r#"{"a.$":"States.MathAdd(1)"}"#, &*at("a.$", here)),
        (r#"{"a":{"b.$":null}}"#, &*at("b.$", "/States/X/Parameters/a")),
        (r#"{"a":[{"b.$":"x"}]}"#, &*at("b.$", "/States/X/Parameters/a[0]")),
        ("1", "Expected value of type Object at /States/X/Parameters"),
        (
            r#"{"a":"$.b"}"#,
            "NO_DOLLAR: Field 'a' looks like a JSONPath or an intrinsic function call, but its name does not end \
             with '.$' at /States/X/Parameters",
        ),
    ] {
        check_states(&[(&format!(r#""Type":"Pass","End":true,"Parameters":{template}"#), expect)]);
    }
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    let text =
        said(&with_state(&format!(r#""Type":"Pass","End":true,"Parameters":{deep}"#)), MachineType::Standard);
    assert!(
        text.starts_with("TOO_DEEPLY_NESTED: Payload templates are nested deeper than 64 levels at "),
        "{text}"
    );
}

#[test]
fn warnings_do_not_refuse() {
    let definition = with_state(r#""Type":"Pass","End":true,"Result":{"a":[{"b.$":"$.b"}]}"#);
    assert!(said(&definition, MachineType::Standard).starts_with("PASS_RESULT_IS_STATIC: "));
    assert!(crate::catalog::compiled(&definition).is_ok());
    let definition = with_state(r#""Type":"Fail","Error":"$.error""#);
    assert!(said(&definition, MachineType::Standard).starts_with("NO_PATH: "));
    assert!(crate::catalog::compiled(&definition).is_ok());
}

#[test]
fn tasks() {
    let task =
        |fields: &str| format!(r#""Type":"Task","End":true,"Resource":"arn:aws:states:::s:a"{fields}"#);
    for (fields, expect) in [
        ("", ""),
        (r#","TimeoutSeconds":1,"HeartbeatSecondsPath":"$.h""#, ""),
        (r#","TimeoutSeconds":0"#, "Minimum value is 1 at /States/X/TimeoutSeconds"),
        (r#","TimeoutSeconds":100000000"#, "Maximum value is 99999999 at /States/X/TimeoutSeconds"),
        (r#","HeartbeatSeconds":0"#, "Minimum value is 1 at /States/X/HeartbeatSeconds"),
        (
            r#","TimeoutSeconds":5,"HeartbeatSeconds":5"#,
            "HeartbeatSeconds must be smaller than TimeoutSeconds at /States/X/HeartbeatSeconds",
        ),
        (
            r#","TimeoutSeconds":5,"TimeoutSecondsPath":"$.t""#,
            "There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath] at /States/X",
        ),
        (r#","Credentials":{"RoleArn":"arn:aws:iam::1:role/r"}"#, ""),
        (r#","Credentials":{"RoleArn.$":"$.role"}"#, ""),
        (r#","Credentials":{}"#, "The field 'RoleArn' is required but was missing at /States/X/Credentials"),
        (r#","Credentials":{"RoleArn":1}"#, "Expected value of type String at /States/X/Credentials/RoleArn"),
        (
            r#","Parameters":{"Nope":1}"#,
            "The field 'Nope' is not supported by Step Functions at /States/X/Parameters",
        ),
        (
            r#","Arguments":{}"#,
            "The QueryLanguage is set to 'JSONPath', but field 'Arguments' is only supported for the 'JSONata' \
             QueryLanguage at /States/X",
        ),
    ] {
        check_states(&[(&task(fields), expect)]);
    }
    check_states(&[
        (r#""Type":"Task","End":true"#, "These fields are required: [Resource] at /States/X"),
        (
            r#""Type":"Task","End":true,"Resource":"${X}""#,
            "Value is not a valid resource ARN at /States/X/Resource",
        ),
        (
            r#""Type":"Task","End":true,"Resource":"arn:aws:states:::nope:a""#,
            "The resource provided arn:aws:states:::nope:a is not recognized. at /States/X/Resource",
        ),
    ]);
}

#[test]
fn express_machines_take_request_response_only() {
    for (resource, expect) in [
        ("arn:aws:states:::s:a", ""),
        (
            "arn:aws:states:::s:a.sync",
            "Express state machine does not support '.sync' service integration at /States/X/Resource",
        ),
        (
            "arn:aws:states:::s:a.sync:2",
            "Express state machine does not support '.sync' service integration at /States/X/Resource",
        ),
        (
            "arn:aws:states:::s:a.waitForTaskToken",
            "Express state machine does not support '.waitForTaskToken' service integration  at /States/X/Resource",
        ),
        (
            "arn:aws:states:us-east-1:000000000000:activity:a",
            "Express state machine does not support Activity ARN at /States/X/Resource",
        ),
    ] {
        let definition = with_state(&format!(r#""Type":"Task","End":true,"Resource":"{resource}""#));
        assert_eq!(said(&definition, MachineType::Express), expect, "{resource}");
    }
}

#[test]
fn parallels_and_maps() {
    let pass = r#"{"StartAt":"Y","States":{"Y":{"Type":"Pass","End":true}}}"#;
    let map = |fields: &str| format!(r#""Type":"Map","End":true,"ItemProcessor":{pass}{fields}"#);
    for (fields, expect) in [
        (r#","Label":"l","MaxConcurrency":0,"ToleratedFailurePercentage":1.5"#, ""),
        (r#","ItemsPath":"$$.Execution.Input""#, ""),
        (r#","ItemsPath":"$.a[*]""#, "Value is not a Reference Path at /States/X/ItemsPath"),
        (r#","MaxConcurrency":-1"#, "Minimum value is 0 at /States/X/MaxConcurrency"),
        (r#","MaxConcurrencyPath":"$$.n""#, "Value is not a Reference Path at /States/X/MaxConcurrencyPath"),
        (
            r#","MaxConcurrency":1,"MaxConcurrencyPath":"$.n""#,
            "There should only be one of the following fields: [MaxConcurrency, MaxConcurrencyPath] at /States/X",
        ),
        (r#","ToleratedFailureCount":-1"#, "Minimum value is 0 at /States/X/ToleratedFailureCount"),
        (
            r#","ToleratedFailurePercentage":-1"#,
            "Minimum value is 0.0 at /States/X/ToleratedFailurePercentage",
        ),
        (
            r#","ToleratedFailurePercentage":101"#,
            "Maximum value is 100.0 at /States/X/ToleratedFailurePercentage",
        ),
        (
            r#","ToleratedFailurePercentage":1,"ToleratedFailurePercentagePath":"$.p""#,
            "There should only be one of the following fields: [ToleratedFailurePercentage, \
             ToleratedFailurePercentagePath] at /States/X",
        ),
        (
            r#","ItemSelector":{},"Parameters":{}"#,
            "There should only be one of the following fields: [ItemSelector, Parameters] at /States/X",
        ),
        (r#","ItemReader":{}"#, "Field 'ItemReader' is not supported at /States/X"),
        (r#","Label":"a b""#, "INVALID_LABEL_NAME: Invalid Label name: a b at /States/X/Label"),
    ] {
        check_states(&[(&map(fields), expect)]);
    }
    check_states(&[
        (
            r#""Type":"Map","End":true"#,
            "This object should have only one of the following fields: [ItemProcessor, Iterator] at /States/X",
        ),
        (
            &format!(r#""Type":"Map","End":true,"ItemProcessor":{pass},"Iterator":{pass}"#),
            "There should only be one of the following fields: [ItemProcessor, Iterator] at /States/X",
        ),
        (&format!(r#""Type":"Map","End":true,"Iterator":{pass}"#), ""),
        (
            r#""Type":"Map","End":true,"Iterator":{"StartAt":"Y"}"#,
            "These fields are required: [States] at /States/X/Iterator",
        ),
        (
            r#""Type":"Map","End":true,"ItemProcessor":{"QueryLanguage":"JSONPath","StartAt":"Y","States":{"Y":{"Type":"Succeed"}}}"#,
            "Field 'QueryLanguage' is not supported at /States/X/ItemProcessor",
        ),
        (
            r#""Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"INLINE","ExecutionType":"STANDARD"},"StartAt":"Y","States":{"Y":{"Type":"Succeed"}}}"#,
            "Field 'ExecutionType' is not supported at /States/X/ItemProcessor/ProcessorConfig",
        ),
        (r#""Type":"Parallel","End":true"#, "These fields are required: [Branches] at /States/X"),
        (r#""Type":"Parallel","End":true,"Branches":[]"#, "Value cannot be empty at /States/X/Branches"),
        (
            r#""Type":"Parallel","End":true,"Branches":[{"StartAt":"Y"}]"#,
            "These fields are required: [States] at /States/X/Branches[0]",
        ),
        (
            r#""Type":"Parallel","End":true,"Branches":[{"StartAt":"Y","States":{"Y":{"Type":"Wait","End":true,"Seconds":-1}}}]"#,
            "Minimum value is 0 at /States/X/Branches[0]/States/Y/Seconds",
        ),
    ]);
}

#[test]
fn variables() {
    let pass = |assign: &str| format!(r#""Type":"Pass","End":true,"Assign":{assign}"#);
    let reserved =
        "RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'. at /States/X/Assign";
    let invalid = |name: &str| {
        format!(
            "INVALID_VARIABLE_NAME: Invalid variable name '{name}': the variable name contains invalid characters. \
             at /States/X/Assign"
        )
    };
    for (assign, expect) in [
        (r#"{"a":1,"b.$":"$.b","größe":{"c.$":"$a"}}"#, ""),
        (r#"{"states":1}"#, reserved),
        (r#"{"states.$":"$.a"}"#, reserved),
        (r#"{"x.y":1}"#, &*invalid("x.y")),
        (r#"{"1x":1}"#, &*invalid("1x")),
        (r#"{"":1}"#, &*invalid("")),
        ("[]", "Expected value of type Object at /States/X/Assign"),
        (
            r#"{"a.$":1}"#,
            "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call at \
             /States/X/Assign",
        ),
    ] {
        check_states(&[(&pass(assign), expect)]);
    }
    let inner = |name: &str| {
        format!(
            r#""Type":"Parallel","Next":"Z","Branches":[{{"StartAt":"Y","States":{{"Y":{{"Type":"Pass","End":true,"Assign":{{"{name}":1}}}}}}}}],"Catch":[{{"ErrorEquals":["E"],"Next":"Z","Assign":{{"caught":1,"both":1}}}}],"Assign":{{"own.$":"$"}}}},"Z":{{"Type":"Pass","End":true,"Assign":{{"outer":1,"both":1}}"#
        )
    };
    let outer = |name: &str| {
        format!(
            "Variable '{name}' is assigned in an outer scope and can't be assigned here at \
             /States/X/Branches[0]/States/Y/Assign"
        )
    };
    check_states(&[
        (&inner("mine"), ""),
        // What the state around assigns is set once its branches are over.
        (&inner("own"), ""),
        (&inner("caught"), ""),
        (&inner("both"), &outer("both")),
        (&inner("outer"), &outer("outer")),
    ]);
}

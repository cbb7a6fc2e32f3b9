//! Which variables states refer to.

use newel_asl::variable_references;

use crate::catalog::compiled;

#[track_caller]
fn check(states: &str, expect: &str) {
    let definition = format!(r#"{{"StartAt":"A","States":{{{states}}}}}"#);
    let plan = compiled(&definition).unwrap_or_else(|why| panic!("{why}"));
    let shown: Vec<String> = variable_references(&plan)
        .into_iter()
        .map(|(state, names)| format!("{state}: {}", names.into_iter().collect::<Vec<_>>().join(" ")))
        .collect();
    assert_eq!(shown.join("; "), expect, "{states}");
}

#[test]
fn every_path_of_a_state_counts_and_what_it_assigns_does_not() {
    check(
        r#""A":{"Type":"Pass","InputPath":"$b.x","OutputPath":"$a","Parameters":{"x":{"y.$":"$c[0]","z":"$no"}},
            "Assign":{"set":1,"w.$":"States.Array($d, States.Format('{}', $e))"},"Next":"B"},
           "B":{"Type":"Wait","SecondsPath":"$s","Next":"C"},
           "C":{"Type":"Choice","Choices":[{"And":[{"Variable":"$v","StringEqualsPath":"$w"}],"Next":"D",
                "Assign":{"x.$":"$y"}}],"Default":"D"},
           "D":{"Type":"Pass","Next":"F"},
           "F":{"Type":"Fail","ErrorPath":"$q","CausePath":"$$.Execution.Id"}"#,
        "A: a b c d e; B: s; C: v w y; F: q",
    );
}

#[test]
fn states_in_branches_are_states_of_their_own() {
    check(
        r#""A":{"Type":"Map","ItemsPath":"$l","MaxConcurrencyPath":"$m","ItemSelector":{"x.$":"$i"},"End":true,
            "ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Parallel","End":true,"Catch":[
                {"ErrorEquals":["E"],"Next":"D","Assign":{"z.$":"$k"}}],
                "Branches":[{"StartAt":"C","States":{"C":{"Type":"Task","End":true,"TimeoutSecondsPath":"$t",
                    "Resource":"arn:aws:states:::a:b","Credentials":{"RoleArn.$":"$r"}}}}]},
                "D":{"Type":"Succeed"}}}}"#,
        "A: i l m; B: k; C: r t",
    );
}

#[test]
fn jsonata_refers_to_what_it_does_not_set_itself() {
    check(
        r#""A":{"Type":"Pass","QueryLanguage":"JSONata","Assign":{"b":"{% ($x := $a; $x + 1) %}"},
            "Output":["{% $map($states.input, function($v) { $v + $c }) %}"],"Next":"B"},
           "B":{"Type":"Choice","QueryLanguage":"JSONata","Choices":[{"Condition":"{% $d > 1 %}","Next":"C",
                "Output":"{% $e %}"}],"Default":"C"},
           "C":{"Type":"Map","QueryLanguage":"JSONata","Items":"{% $f %}","MaxConcurrency":"{% $g %}","End":true,
                "ItemSelector":{"x":"{% $h %}"},
                "ItemProcessor":{"StartAt":"D","States":{"D":{"Type":"Pass","End":true}}}}"#,
        "A: a c; B: d e; C: f g h",
    );
}

#[test]
fn what_only_a_distributed_map_has_counts_too() {
    let map = |fields: &str| {
        format!(
            r#""A":{{"Type":"Map","End":true,{fields},"ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED",
                "ExecutionType":"STANDARD"}},"StartAt":"I","States":{{"I":{{"Type":"Succeed"}}}}}}}}"#
        )
    };
    let reader = r#""ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket.$":"$b","Key":"k"},
        "ReaderConfig":{"InputType":"JSON","MaxItemsPath":"$most"}}"#;
    check(&map(reader), "A: b most");
    let batcher = r#""ItemBatcher":{"MaxItemsPerBatchPath":"$n","MaxInputBytesPerBatchPath":"$m","BatchInput":{"x.$":"$x"}}"#;
    check(&map(batcher), "A: m n x");
    let writer =
        r#""ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket.$":"$b"}}"#;
    check(&map(writer), "A: b");
}

//! State machines whose executions have known outputs.

use crate::support::pass;

/// A machine, and what comes of an input.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) definition: String,
    pub(crate) input: fn(u64) -> String,
    pub(crate) output: fn(u64) -> String,
    /// Seconds that an execution takes at least.
    pub(crate) at_least: u64,
}

fn plain(n: u64) -> String {
    format!(r#"{{"n":{n}}}"#)
}

fn same(n: u64) -> String {
    plain(n)
}

/// A state machine of one Task state.
fn task(fields: &str) -> String {
    format!(r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","End":true,{fields}}}}}}}"#)
}

const LOOP: &str = r#"{"StartAt":"More","States":{
    "More":{"Type":"Choice","Choices":[{"Variable":"$.i","NumericLessThanPath":"$.n","Next":"Add"}],"Default":"Done"},
    "Add":{"Type":"Pass","Parameters":{"i.$":"States.MathAdd($.i, 1)","n.$":"$.n"},"Next":"More"},
    "Done":{"Type":"Succeed"}}}"#;

const WAIT: &str = r#"{"StartAt":"W","States":{
    "W":{"Type":"Wait","Seconds":90,"Next":"V"},
    "V":{"Type":"Wait","Seconds":7,"End":true}}}"#;

const PARALLEL: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
    {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","End":true,
        "Parameters":{"do":"job","n.$":"$.n"}}}},
    {"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":3,"Next":"C"},"C":{"Type":"Pass","Result":"b","End":true}}}]}}}"#;

const MAP: &str = r#"{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":3,"End":true,
    "ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","End":true,
        "Parameters":{"do":"job","n.$":"$"}}}}}}}"#;

/// Every item is a child execution with a job of its own.
const SPREAD: &str = r#"{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":3,"End":true,
    "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"A","States":{
        "A":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","End":true,
            "Parameters":{"do":"job","n.$":"$"}}}}}}}"#;

/// Batches of items, in children that wait and that close in their first turn, side by side.
const BATCHES: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
    {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","ItemBatcher":{"MaxItemsPerBatch":3},"End":true,
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"A","States":{
            "A":{"Type":"Wait","Seconds":4,"Next":"B"},"B":{"Type":"Pass","OutputPath":"$.Items","End":true}}}}}},
    {"StartAt":"N","States":{"N":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"End":true,
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"C","States":{
            "C":{"Type":"Pass","End":true}}}}}}]}}}"#;

const LATE: &str = r#"{"StartAt":"T","States":{
    "T":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","TimeoutSeconds":40,"End":true,
        "Parameters":{"do":"hang","n.$":"$.n"},
        "Catch":[{"ErrorEquals":["States.Timeout"],"ResultPath":"$.error","Next":"Late"}]},
    "Late":{"Type":"Pass","Parameters":{"late.$":"$.error.Error"},"End":true}}}"#;

/// A failing branch lets a job of its sibling go.
const SIBLING: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,
    "Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"Caught"}],"Branches":[
    {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","End":true,
        "Parameters":{"do":"hang","n.$":"$.n"}}}},
    {"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":2,"Next":"C"},"C":{"Type":"Fail","Error":"Wanted"}}}]},
    "Caught":{"Type":"Pass","Parameters":{"caught.$":"$.error.Error"},"End":true}}}"#;

/// All of them.
pub(crate) fn all() -> Vec<Known> {
    let known = |name, definition: &str, input, output, at_least| Known {
        name,
        definition: definition.to_owned(),
        input,
        output,
        at_least,
    };
    let job = r#""Resource":"arn:aws:states:::fam:job.sync","Parameters":{"do":"job","n.$":"$.n"}"#;
    let flaky = r#""Resource":"arn:aws:states:::fam:call","Parameters":{"do":"flaky","n.$":"$.n"},
        "Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":1,"MaxAttempts":4,"BackoffRate":1.5}]"#;
    let token = r#""Resource":"arn:aws:states:::fam:call.waitForTaskToken",
        "Parameters":{"do":"token","n.$":"$.n","token.$":"$$.Task.Token"}"#;
    vec![
        known("chain", &pass(5), plain, same, 0),
        known(
            "loop",
            LOOP,
            |n| format!(r#"{{"i":0,"n":{}}}"#, n % 40),
            |n| format!(r#"{{"i":{0},"n":{0}}}"#, n % 40),
            0,
        ),
        known("wait", WAIT, plain, same, 97),
        known("flaky", &task(flaky), |n| plain(n % 4), |n| format!(r#"{{"done":{}}}"#, n % 4), 0),
        known("job", &task(job), plain, |n| format!(r#"{{"done":{n}}}"#), 0),
        known("token", &task(token), plain, |n| format!(r#"{{"told":{n}}}"#), 0),
        known("parallel", PARALLEL, plain, |n| format!(r#"[{{"done":{n}}},"b"]"#), 3),
        known(
            "map",
            MAP,
            |n| format!(r#"{{"items":[{n},1,2,3,4,5]}}"#),
            |n| {
                format!(
                    r#"[{{"done":{n}}},{{"done":1}},{{"done":2}},{{"done":3}},{{"done":4}},{{"done":5}}]"#
                )
            },
            0,
        ),
        known(
            "spread",
            SPREAD,
            |n| format!(r#"{{"items":[{n},1,2,3,4]}}"#),
            |n| format!(r#"[{{"done":{n}}},{{"done":1}},{{"done":2}},{{"done":3}},{{"done":4}}]"#),
            0,
        ),
        known(
            "batches",
            BATCHES,
            |n| format!(r#"{{"items":[{n},1,2,3,4,5,6]}}"#),
            |n| format!("[[[{n},1,2],[3,4,5],[6]],[{n},1,2,3,4,5,6]]"),
            4,
        ),
        known("late", LATE, plain, |_| r#"{"late":"States.Timeout"}"#.to_owned(), 40),
        known("sibling", SIBLING, plain, |_| r#"{"caught":"Wanted"}"#.to_owned(), 2),
    ]
}

//! Random definitions, driven at random: what must hold after every turn holds, and how turns are cut changes nothing.

use newel_asl::Limits;
use newel_machine::{Fault, Input, TaskReport};
use newel_value::Payload;
use proptest::prelude::*;

use crate::driver::{Cut, Driver, check_history};
use crate::text;

/// A state without its transition. In the fields of a Pass, `?` stands for a number that makes a name unique.
#[derive(Clone, Debug)]
enum Block {
    Pass(&'static str),
    Wait(u8),
    Task { pattern: &'static str, timeout: Option<u8>, heartbeat: bool, handlers: Handlers },
    Choice,
    Fail(&'static str),
    Parallel(Vec<Vec<Self>>, Handlers),
    Map { items: u8, concurrency: u8, body: Vec<Self>, handlers: Handlers },
}

#[derive(Clone, Debug)]
struct Handlers {
    retry: Option<(&'static str, u8)>,
    catch: Option<&'static str>,
}

fn handlers() -> impl Strategy<Value = Handlers> {
    let error = || prop::sample::select(vec!["E", "F", "States.ALL", "States.TaskFailed", "States.Timeout"]);
    (prop::option::of((error(), 0..3_u8)), prop::option::of(error()))
        .prop_map(|(retry, catch)| Handlers { retry, catch })
}

fn block() -> impl Strategy<Value = Block> {
    let pattern = prop::sample::select(vec!["", ".sync", ".waitForTaskToken"]);
    let pass = prop::sample::select(vec![
        r#""Result":{"x":1}"#,
        r#""Parameters":{"x.$":"$"}"#,
        r#""OutputPath":"$.no""#,
        r#""ResultPath":null,"Result":5"#,
        r#""Assign":{"v?.$":"$$.State.Name"}"#,
        r#""Parameters":{"u.$":"States.UUID()"}"#,
    ]);
    let leaf = prop_oneof![
        3 => pass.prop_map(Block::Pass),
        2 => (0..4_u8).prop_map(Block::Wait),
        6 => (pattern, prop::option::of(1..5_u8), any::<bool>(), handlers()).prop_map(
            |(pattern, timeout, heartbeat, handlers)| Block::Task { pattern, timeout, heartbeat, handlers }
        ),
        1 => Just(Block::Choice),
        1 => prop::sample::select(vec!["E", "F"]).prop_map(Block::Fail),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        let body = prop::collection::vec(inner, 1..3);
        prop_oneof![
            (prop::collection::vec(body.clone(), 1..4), handlers()).prop_map(|(b, h)| Block::Parallel(b, h)),
            (0..5_u8, 0..3_u8, body, handlers()).prop_map(|(items, concurrency, body, handlers)| {
                Block::Map { items, concurrency, body, handlers }
            }),
        ]
    })
}

/// Writes blocks as a `States` map in which each leads to the next.
struct Writer {
    names: usize,
}

impl Writer {
    fn states(&mut self, blocks: &[Block]) -> String {
        let names: Vec<usize> = blocks.iter().map(|_| self.name()).collect();
        let end = self.name();
        let mut states: Vec<String> = Vec::new();
        for (position, block) in blocks.iter().enumerate() {
            let next = names.get(position + 1).copied().unwrap_or(end);
            let body = self.body(block, next, end);
            states.push(format!(r#""S{}":{{{body}}}"#, names[position]));
        }
        states.push(format!(r#""S{end}":{{"Type":"Succeed"}}"#));
        // What comes after a Fail, and an end that nothing leads to, has to be reachable: a Choice at the start leads to all.
        let start = self.name();
        let rules: Vec<String> = names
            .iter()
            .chain([&end])
            .map(|name| {
                format!(r#"{{"Variable":"$$.Execution.Name","StringEquals":"never","Next":"S{name}"}}"#)
            })
            .collect();
        states.push(format!(
            r#""S{start}":{{"Type":"Choice","Choices":[{}],"Default":"S{}"}}"#,
            rules.join(","),
            names[0]
        ));
        format!(r#""StartAt":"S{start}","States":{{{}}}"#, states.join(","))
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    fn body(&mut self, block: &Block, next: usize, end: usize) -> String {
        let on = format!(r#""Next":"S{next}""#);
        match block {
            Block::Pass(fields) => {
                format!(r#""Type":"Pass",{},{on}"#, fields.replace('?', &self.name().to_string()))
            }
            Block::Wait(seconds) => format!(r#""Type":"Wait","Seconds":{seconds},{on}"#),
            Block::Task { pattern, timeout, heartbeat, handlers } => {
                let timeout =
                    timeout.map(|seconds| format!(r#""TimeoutSeconds":{seconds},"#)).unwrap_or_default();
                let heartbeat =
                    if *heartbeat && timeout.is_empty() { r#""HeartbeatSeconds":2,"# } else { "" };
                let handlers = Self::handlers(handlers, end);
                format!(
                    r#""Type":"Task","Resource":"arn:aws:states:::t:do{pattern}","Parameters":{{}},{timeout}{heartbeat}{handlers}{on}"#
                )
            }
            Block::Choice => format!(
                r#""Type":"Choice","Choices":[{{"Variable":"$.x","IsPresent":true,"Next":"S{next}"}}],"Default":"S{end}""#
            ),
            Block::Fail(error) => format!(r#""Type":"Fail","Error":"{error}""#),
            Block::Parallel(branches, handlers) => {
                let branches: Vec<String> =
                    branches.iter().map(|branch| format!("{{{}}}", self.states(branch))).collect();
                let handlers = Self::handlers(handlers, end);
                format!(r#""Type":"Parallel","Branches":[{}],{handlers}{on}"#, branches.join(","))
            }
            Block::Map { items, concurrency, body, handlers } => {
                let handlers = Self::handlers(handlers, end);
                let body = self.states(body);
                format!(
                    r#""Type":"Map","ItemsPath":"$$.Execution.Input.items[{items}]","MaxConcurrency":{concurrency},"ItemProcessor":{{{body}}},{handlers}{on}"#
                )
            }
        }
    }

    fn handlers(handlers: &Handlers, end: usize) -> String {
        let retry = handlers
            .retry
            .map(|(error, most)| format!(r#""Retry":[{{"ErrorEquals":["{error}"],"MaxAttempts":{most}}}],"#));
        let catch = handlers
            .catch
            .map(|error| format!(r#""Catch":[{{"ErrorEquals":["{error}"],"Next":"S{end}"}}],"#));
        retry.unwrap_or_default() + &catch.unwrap_or_default()
    }
}

/// What happens next: which of the open attempts it is about is chosen by number.
#[derive(Clone, Debug)]
enum Happening {
    Report(u8, Report),
    Tick,
    Stop,
}

#[derive(Clone, Copy, Debug)]
enum Report {
    Ok,
    Fail(&'static str),
    Submitted,
    Beat,
    Token,
    Forged,
}

fn happening() -> impl Strategy<Value = Happening> {
    let report = prop::sample::select(vec![
        Report::Ok,
        Report::Ok,
        Report::Ok,
        Report::Fail("E"),
        Report::Fail("F"),
        Report::Submitted,
        Report::Beat,
        Report::Token,
        Report::Forged,
    ]);
    prop_oneof![
        30 => (any::<u8>(), report).prop_map(|(which, report)| Happening::Report(which, report)),
        8 => Just(Happening::Tick),
        1 => Just(Happening::Stop),
    ]
}

fn input(driver: &Driver, happening: &Happening) -> Option<Input> {
    match happening {
        Happening::Stop => Some(Input::Stop(Fault::default())),
        Happening::Tick => None,
        Happening::Report(which, report) => {
            let task = driver.open.get(usize::from(*which) % driver.open.len().max(1))?.task.clone();
            let secret =
                driver.execution.open_attempt(&task).and_then(|open| open.secret).unwrap_or_default();
            let payload = || Payload::parse(r#"{"x":1}"#).unwrap();
            Some(match report {
                Report::Ok => Input::Task(task, TaskReport::Succeeded(payload())),
                Report::Fail(error) => {
                    Input::Task(task, TaskReport::Failed(Fault { error: Some((*error).into()), cause: None }))
                }
                Report::Submitted => {
                    Input::Task(task, TaskReport::Submitted { external_ref: "ref".into(), output: payload() })
                }
                Report::Beat => Input::Task(task, TaskReport::Heartbeat),
                Report::Token => Input::Token(task, secret, TaskReport::Succeeded(payload())),
                Report::Forged => Input::Token(task, [7; 16], TaskReport::Succeeded(payload())),
            })
        }
    }
}

/// The history that a script gives, and the effects.
fn play(definition: &str, script: &[Happening], cut: Cut) -> Vec<String> {
    let mut driver = Driver::new(
        definition,
        r#"{"x":0,"items":[[],[0],[0,1],[0,1,2],[0,1,2,3]]}"#,
        Limits::default(),
        cut,
    );
    driver.give(Input::Start);
    for happening in script {
        if let Some(input) = input(&driver, happening) {
            driver.give(input);
        } else if let Some(due) = driver.next_due() {
            driver.advance_to(due);
        }
        if driver.execution.outcome.is_none() {
            assert!(driver.next_due().is_some(), "an open execution always waits for its own end at least");
        }
    }
    // Whatever is left ends.
    driver.give(Input::Stop(Fault::default()));
    assert!(driver.execution.outcome.is_some() && driver.open.is_empty());
    check_history(&driver.events);
    let events = driver.events.iter().map(text::event);
    events.chain(driver.effects.iter().filter_map(text::effect)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_definition_driven_anyhow_keeps_the_invariants(
        blocks in prop::collection::vec(block(), 1..4),
        script in prop::collection::vec(happening(), 0..40),
    ) {
        let definition = format!("{{{}}}", Writer { names: 0 }.states(&blocks));
        let whole = play(&definition, &script, Cut::Whole);
        for cut in Cut::ALL {
            prop_assert_eq!(&whole, &play(&definition, &script, cut), "{:?} of {}", cut, definition);
        }
    }
}

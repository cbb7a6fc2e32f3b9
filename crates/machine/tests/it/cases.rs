//! Written cases: `tests/cases/*.case`, each with a definition, an input, a script and the transcript that it gives.
//!
//! A definition is one state a line, `Name {fields}`, the first being where it starts; `* "field": value` is a field of
//! the machine; `name=N` lines under `--- limits` change limits. A script has one step a line:
//!
//! * `+1.5` moves the clock by so many seconds, `next` to when something is due;
//! * `State ok {json}`, `State fail Error cause`, `State submitted ref {json}`, `State beat`, `State started worker` report
//!   on the state's oldest open attempt; `token` before it means by its token, `forged` by one with a wrong secret, `late` on the attempt that
//!   the step before reported on;
//! * `run ok {json}` and `run fail Error cause` end the oldest open map run, `late-run` the one that was begun last, whatever became of it;
//! * `stop Error cause` stops the execution; `start` starts it again; `redrive` redrives it.
//!
//! A transcript shows the events, the effects but for those that schedule, the moves of the clock and what was stale.
//! `NEWEL_BLESS=1` writes the transcripts that the cases give into the files, to be read before they are kept.

use std::fmt::Write as _;
use std::path::Path;

use newel_asl::Limits;
use newel_machine::{Fault, Input, MapRunReport, Phase, Reply, ScheduledTask, TaskReport};
use newel_value::{Payload, Value};

use crate::driver::{Cut, Driver, check_history};
use crate::text;

#[derive(Default)]
struct Case {
    name: String,
    definition: String,
    limits: String,
    input: String,
    script: String,
    transcript: String,
}

fn parse(file: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut section = "";
    for line in file.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
            section = "definition";
        } else if let Some(name) = line.strip_prefix("--- ") {
            section = name;
        } else if let Some(case) = cases.last_mut() {
            let text = match section {
                "definition" => &mut case.definition,
                "limits" => &mut case.limits,
                "input" => &mut case.input,
                "script" => &mut case.script,
                "transcript" => &mut case.transcript,
                other => panic!("{}: no section is called {other}", case.name),
            };
            text.push_str(line);
            text.push('\n');
        }
    }
    cases
}

fn print(cases: &[Case]) -> String {
    let mut out = String::new();
    for case in cases {
        write!(out, "=== {}\n{}", case.name, case.definition).unwrap();
        for (name, text) in [("limits", &case.limits), ("input", &case.input), ("script", &case.script)] {
            if !text.is_empty() {
                write!(out, "--- {name}\n{text}").unwrap();
            }
        }
        write!(out, "--- transcript\n{}\n", case.transcript).unwrap();
    }
    out
}

/// The definition that a case's lines stand for.
fn definition(lines: &str) -> String {
    let (mut fields, mut states, mut first) = (String::new(), Vec::new(), None);
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        match line.split_once(' ').unwrap_or_else(|| panic!("no state: {line}")) {
            ("*", field) => write!(fields, "{field},").unwrap(),
            (name, state) => {
                first = first.or(Some(name));
                states.push(format!("\"{name}\":{state}"));
            }
        }
    }
    format!("{{{fields}\"StartAt\":\"{}\",\"States\":{{{}}}}}", first.unwrap_or_default(), states.join(","))
}

fn limits(lines: &str) -> Limits {
    let mut limits = Limits::default();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (name, number) = line.split_once('=').expect("name=number");
        let number: usize = number.parse().expect("a number");
        match name {
            "payload_bytes" => limits.payload_bytes = number,
            "variable_bytes" => limits.variable_bytes = number,
            "assign_bytes" => limits.assign_bytes = number,
            "variables_bytes" => limits.variables_bytes = number,
            "history_events" => limits.history_events = u64::try_from(number).unwrap(),
            "inline_map_concurrency" => limits.inline_map_concurrency = u64::try_from(number).unwrap(),
            "execution_seconds" => limits.execution_seconds = u64::try_from(number).unwrap(),
            other => panic!("no such limit: {other}"),
        }
    }
    limits
}

/// A case on its way.
struct Play {
    driver: Driver,
    /// The attempt that the latest step reported on.
    latest: Option<ScheduledTask>,
    shown: (usize, usize),
    transcript: String,
}

fn play(case: &Case, cut: Cut) -> String {
    let input = Some(case.input.trim_end()).filter(|input| !input.is_empty()).unwrap_or("{}");
    let driver = Driver::new(&definition(&case.definition), input, limits(&case.limits), cut);
    let mut play = Play { driver, latest: None, shown: (0, 0), transcript: String::new() };
    play.step("start");
    for step in case.script.lines().filter(|line| !line.is_empty()) {
        play.step(step);
    }
    check_history(&play.driver.events);
    play.transcript
}

impl Play {
    fn step(&mut self, step: &str) {
        if let Some(seconds) = step.strip_prefix('+') {
            let millis = (seconds.parse::<f64>().expect("seconds") * 1_000.0).round();
            #[expect(clippy::cast_possible_truncation, reason = "a test's few seconds")]
            self.move_to(self.driver.now + millis as i64);
        } else if step == "next" {
            self.move_to(
                self.driver
                    .next_due()
                    .unwrap_or_else(|| panic!("something is due after\n{}", self.transcript)),
            );
        } else {
            let input = self.input(step);
            let reply = self.driver.give(input);
            if reply == Reply::Stale {
                self.transcript.push_str("stale\n");
            }
        }
        self.show();
    }

    fn move_to(&mut self, millis: i64) {
        writeln!(self.transcript, "@{}.{:03}", millis / 1_000, millis % 1_000).unwrap();
        self.driver.advance_to(millis);
    }

    fn input(&mut self, step: &str) -> Input {
        let (first, rest) = step.split_once(' ').unwrap_or((step, ""));
        match first {
            "start" => Input::Start,
            "stop" => Input::Stop(fault(rest)),
            "redrive" => Input::Redrive { token: None },
            "run" | "late-run" => {
                let key = match first {
                    "run" => self.driver.map_runs.first().expect("a map run is open").clone(),
                    _ => self.driver.latest_run.clone().expect("a map run before"),
                };
                let report = match self.report(rest) {
                    TaskReport::Succeeded(output) => MapRunReport::Succeeded(output),
                    TaskReport::Failed(fault) => MapRunReport::Failed(fault),
                    other => panic!("a map run doesn't report {other:?}"),
                };
                let frame = self.driver.execution.frame(&key.frame);
                let redrives = match frame.map(|frame| &frame.phase) {
                    Some(Phase::MapRun(run)) => run.redrives,
                    _ => 0,
                };
                Input::MapRun(key, redrives, report)
            }
            "token" | "forged" => {
                let (state, report) = rest.split_once(' ').expect("a state and a report");
                let task = self.attempt(state);
                let secret = self.driver.execution.open_attempt(&task.task).and_then(|open| open.secret);
                let mut secret = secret.unwrap_or_default();
                secret[0] ^= u8::from(first == "forged");
                Input::Token(task.task, secret, self.report(report))
            }
            "late" => {
                let task = self.latest.clone().expect("a step before");
                Input::Task(task.task, self.report(rest.split_once(' ').expect("a state and a report").1))
            }
            state => {
                let task = self.attempt(state);
                Input::Task(task.task, self.report(rest))
            }
        }
    }

    fn attempt(&mut self, state: &str) -> ScheduledTask {
        let open = self.driver.open.iter().find(|open| &*open.state == state);
        let task = open.unwrap_or_else(|| panic!("no attempt of {state} is open")).clone();
        self.latest = Some(task.clone());
        task
    }

    fn report(&self, report: &str) -> TaskReport {
        let json = |text: &str| Payload::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        match report.split_once(' ').unwrap_or((report, "")) {
            ("beat", _) => TaskReport::Heartbeat,
            ("started", name) => TaskReport::Started { worker_name: (!name.is_empty()).then(|| name.into()) },
            ("ok", output) => TaskReport::Succeeded(json(output)),
            ("fail", rest) => TaskReport::Failed(fault(rest)),
            ("submitted", rest) => {
                let (external_ref, output) = rest.split_once(' ').expect("a ref and an output");
                TaskReport::Submitted { external_ref: external_ref.into(), output: json(output) }
            }
            (other, _) => panic!("no report: {other}"),
        }
    }

    fn show(&mut self) {
        for event in &self.driver.events[self.shown.0..] {
            writeln!(self.transcript, "{}", text::event(event)).unwrap();
        }
        for line in self.driver.effects[self.shown.1..].iter().filter_map(text::effect) {
            writeln!(self.transcript, "  {line}").unwrap();
        }
        self.shown = (self.driver.events.len(), self.driver.effects.len());
    }
}

/// `Error cause`, either of which may be missing.
fn fault(text: &str) -> Fault {
    let (error, cause) = text.split_once(' ').unwrap_or((text, ""));
    let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Into::into);
    Fault { error: some(error), cause: some(cause) }
}

#[test]
fn every_case_gives_its_transcript_however_turns_are_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let bless = std::env::var_os("NEWEL_BLESS").is_some_and(|value| value == "1");
    let mut wrong = Vec::new();
    let mut played = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let mut cases = parse(&std::fs::read_to_string(&path).unwrap());
        for case in &mut cases {
            played += 1;
            let whole = play(case, Cut::Whole);
            for cut in Cut::ALL {
                assert_eq!(whole, play(case, cut), "{}: {cut:?} changes what comes out", case.name);
            }
            if bless {
                case.transcript = whole;
            } else if case.transcript.trim_end() != whole.trim_end() {
                wrong.push(format!("{}\nexpected\n{}\ngot\n{whole}", case.name, case.transcript));
            }
        }
        if bless {
            std::fs::write(&path, print(&cases)).unwrap();
        }
    }
    assert!(played > 50, "only {played} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Intrinsic functions: what a call gives, or the error and its cause.
#[test]
fn intrinsic_functions() {
    let table = include_str!("intrinsics.txt");
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (call, expect) = line.split_once(" => ").unwrap_or_else(|| panic!("no => in {line}"));
        let parameters = Value::from([("x.$", call)].into_iter().collect::<newel_value::Object>());
        let definition = format!(
            r#"{{"StartAt":"P","States":{{"P":{{"Type":"Pass","Parameters":{parameters},"End":true}}}}}}"#
        );
        let input = r#"{"a":[1,2,2.0,"2",[1],{"k":1,"l":2},{"l":2,"k":1},null,3],"o":{"p":1,"q":{"r":1}},"s":"text","n":7.5,"t":true,"z":null}"#;
        let mut driver = Driver::new(&definition, input, Limits::default(), Cut::Whole);
        driver.give(Input::Start);
        let got = match driver.execution.outcome.as_ref().unwrap() {
            newel_machine::Outcome::Succeeded(output) => output.value().get("x").unwrap().to_json(),
            newel_machine::Outcome::Failed(fault) => {
                let cause = fault.cause.as_deref().unwrap_or_default();
                let cause = cause.split_once("#2). ").map_or(cause, |(_, message)| message);
                format!("{} {cause}", fault.error.as_deref().unwrap_or_default())
            }
            other => panic!("{other:?}"),
        };
        if got != expect {
            wrong.push(format!("{call} => {got}"));
        }
        checked += 1;
    }
    assert!(wrong.is_empty(), "these came out so:\n{}", wrong.join("\n"));
    assert!(checked > 50);
}

/// Each operator of a Choice, with a value that satisfies it and one that doesn't.
#[test]
fn choice_operators() {
    let mut checked = 0;
    for line in include_str!("operators.txt").lines().filter(|line| !line.starts_with('#')) {
        let [operator, yes, no] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}")
        };
        for (value, expect) in [(yes, "Y"), (no, "N")] {
            let lines = format!(
                "A {{\"Type\":\"Choice\",\"Choices\":[{{\"Variable\":\"$.v\",{operator},\"Next\":\"Y\"}}],\"Default\":\"N\"}}\n\
                 Y {{\"Type\":\"Fail\",\"Error\":\"Y\"}}\nN {{\"Type\":\"Fail\",\"Error\":\"N\"}}"
            );
            let value = if value == "-" { String::new() } else { format!("\"v\":{value},") };
            let input = format!(r#"{{{value}"r":{{"b":"b","n":2,"t":true,"d":"2026-01-01T00:00:00Z"}}}}"#);
            let mut driver = Driver::new(&definition(&lines), &input, Limits::default(), Cut::Whole);
            driver.give(Input::Start);
            let error = match &driver.execution.outcome {
                Some(newel_machine::Outcome::Failed(fault)) => fault.error.as_deref(),
                other => panic!("{other:?}"),
            };
            assert_eq!(error, Some(expect), "{operator} of {value}");
        }
        checked += 1;
    }
    assert!(checked >= 40);
}

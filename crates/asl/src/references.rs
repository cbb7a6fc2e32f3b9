//! Which variables the states of a definition refer to, as DescribeStateMachine tells
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html>, `variableReferences`).

use std::collections::{BTreeMap, BTreeSet};

use newel_value::Str;

use crate::intrinsic::{Argument, Call};
use crate::plan::{
    Catcher, ChoiceRule, Condition, DataPath, Distributed, Expression, Jsonata, Kind, Map, Operand, Plan,
    Query, Scope, Setting, State, Task, Template, TemplateMember, Test, WaitUntil,
};

/// The variables that each state refers to, by the state's name; states that refer to none are left out. A state with
/// branches has what its own fields refer to, not what the states in it do.
#[must_use]
pub fn variable_references(plan: &Plan) -> BTreeMap<Str, BTreeSet<Str>> {
    let mut found = BTreeMap::new();
    scope(&plan.root, &mut found);
    found
}

fn scope(states: &Scope, found: &mut BTreeMap<Str, BTreeSet<Str>>) {
    for state in states.states.values() {
        let mut names = Names::default();
        names.state(state);
        if !names.0.is_empty() {
            found.insert(state.name.clone(), names.0);
        }
        match &state.kind {
            Kind::Parallel(parallel) => parallel.branches.iter().for_each(|branch| scope(branch, found)),
            Kind::Map(map) => scope(&map.processor, found),
            Kind::Pass(_)
            | Kind::Task(_)
            | Kind::Choice(_)
            | Kind::Wait(_)
            | Kind::Succeed
            | Kind::Fail(_) => {}
        }
    }
}

/// The names found in a state so far.
#[derive(Default)]
struct Names(BTreeSet<Str>);

impl Names {
    fn state(&mut self, state: &State) {
        self.data_path(&state.input_path);
        self.data_path(&state.output_path);
        self.templates([&state.assign, &state.output]);
        match &state.kind {
            Kind::Pass(pass) => self.templates([&pass.parameters]),
            Kind::Task(task) => self.task(task),
            Kind::Choice(choice) => choice.rules.iter().for_each(|rule| self.rule(rule)),
            Kind::Wait(wait) => match &wait.until {
                WaitUntil::Seconds(seconds) => self.setting(seconds),
                WaitUntil::Timestamp(at) => self.setting(at),
            },
            Kind::Succeed => {}
            Kind::Fail(fail) => {
                [&fail.error, &fail.cause].into_iter().flatten().for_each(|text| self.setting(text))
            }
            Kind::Parallel(parallel) => {
                self.templates([&parallel.parameters, &parallel.result_selector]);
                self.catch(&parallel.catch);
            }
            Kind::Map(map) => self.map(map),
        }
    }

    fn task(&mut self, task: &Task) {
        self.templates([&task.parameters, &task.result_selector, &task.credentials]);
        let limits = [&task.timeout_seconds, &task.heartbeat_seconds];
        limits.into_iter().flatten().for_each(|seconds| self.setting(seconds));
        self.catch(&task.catch);
    }

    fn map(&mut self, map: &Map) {
        self.templates([&map.items, &map.item_selector, &map.result_selector]);
        map.items_path.iter().for_each(|path| self.expression(path));
        self.setting(&map.max_concurrency);
        map.tolerated_failure_count.iter().for_each(|count| self.setting(count));
        map.tolerated_failure_percentage.iter().for_each(|percentage| self.setting(percentage));
        map.distributed.iter().for_each(|distributed| self.distributed(distributed));
        self.catch(&map.catch);
    }

    fn distributed(&mut self, distributed: &Distributed) {
        if let Some(reader) = &distributed.reader {
            self.templates([&reader.parameters]);
            reader.max_items.iter().for_each(|most| self.setting(most));
        }
        if let Some(batcher) = &distributed.batcher {
            self.templates([&batcher.input]);
            [&batcher.max_items, &batcher.max_bytes]
                .into_iter()
                .flatten()
                .for_each(|most| self.setting(most));
        }
        if let Some((_, parameters)) =
            distributed.writer.as_ref().and_then(|writer| writer.destination.as_ref())
        {
            self.templates([parameters]);
        }
    }

    fn catch(&mut self, catchers: &[Catcher]) {
        catchers.iter().for_each(|catcher| self.templates([&catcher.assign, &catcher.output]));
    }

    fn rule(&mut self, rule: &ChoiceRule) {
        self.condition(&rule.condition);
        self.templates([&rule.assign, &rule.output]);
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::And(all) | Condition::Or(all) => all.iter().for_each(|one| self.condition(one)),
            Condition::Not(one) => self.condition(one),
            Condition::Test { variable, test } => {
                self.expression(variable);
                self.test(test);
            }
            Condition::Constant(_) => {}
            Condition::Jsonata(jsonata) => self.jsonata(jsonata),
        }
    }

    fn test(&mut self, test: &Test) {
        match test {
            Test::Is(..) | Test::Matches(_) => {}
            Test::String(_, operand) => self.operand(operand),
            Test::Numeric(_, operand) => self.operand(operand),
            Test::Boolean(operand) => self.operand(operand),
            Test::Timestamp(_, operand) => self.operand(operand),
        }
    }

    fn operand<T>(&mut self, operand: &Operand<T>) {
        match operand {
            Operand::Literal(_) => {}
            Operand::Path(expression) => self.expression(expression),
        }
    }

    fn setting<T>(&mut self, setting: &Setting<T>) {
        match setting {
            Setting::Value(_) => {}
            Setting::Path(expression) => self.expression(expression),
            Setting::Jsonata(jsonata) => self.jsonata(jsonata),
        }
    }

    fn templates<const N: usize>(&mut self, templates: [&Option<Template>; N]) {
        templates.into_iter().flatten().for_each(|template| self.template(template));
    }

    fn template(&mut self, template: &Template) {
        match template {
            Template::Literal(_) => {}
            Template::Jsonata(jsonata) => self.jsonata(jsonata),
            Template::Array(elements) => elements.iter().for_each(|element| self.template(element)),
            Template::Object(members) => members.iter().for_each(|(_, member)| match member {
                TemplateMember::Nested(template) => self.template(template),
                TemplateMember::Computed { expression, .. } => self.expression(expression),
            }),
        }
    }

    fn data_path(&mut self, path: &DataPath) {
        match path {
            DataPath::Whole | DataPath::Empty => {}
            DataPath::Path(query) => self.query(query),
        }
    }

    fn expression(&mut self, expression: &Expression) {
        self.query(&expression.query);
    }

    fn query(&mut self, query: &Query) {
        match query {
            Query::Input(_) | Query::Context(_) => {}
            Query::Variable(name, _) => {
                self.0.insert(name.clone());
            }
            Query::Intrinsic(call) => self.call(call),
        }
    }

    fn call(&mut self, call: &Call) {
        for argument in &call.arguments {
            match argument {
                Argument::String(_) | Argument::Number(_) | Argument::Bool(_) | Argument::Null => {}
                Argument::Query(query) => self.query(query),
            }
        }
    }

    fn jsonata(&mut self, jsonata: &Jsonata) {
        let references = jsonata.expression.references().iter();
        self.0.extend(references.map(|it| &it.name).filter(|name| is_variable(name)).cloned());
    }
}

/// Whether a name that an expression reads is a variable of the workflow.
fn is_variable(name: &str) -> bool {
    name != "states" && !newel_jsonata::is_function_name(name)
}

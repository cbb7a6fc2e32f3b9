//! The context object of a state under test: made up, or given and checked.

use newel_asl::LONE_STATE;
use newel_asl::catalog::Pattern;
use newel_asl::plan::{Kind, State, Task};
use newel_machine::Info;
use newel_value::{Object, ObjectBuilder, Str, Value};

/// What a member of the context object may be.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Anything,
    Text,
    Number,
    Object(&'static [(&'static str, Shape)]),
}

/// The members that a given context object may have.
const CONTEXT: &[(&str, Shape)] = &[
    (
        "Execution",
        Shape::Object(&[
            ("Id", Shape::Text),
            ("Input", Shape::Anything),
            ("Name", Shape::Text),
            ("RedriveCount", Shape::Number),
            ("RedriveTime", Shape::Text),
            ("RoleArn", Shape::Text),
            ("StartTime", Shape::Text),
        ]),
    ),
    (
        "State",
        Shape::Object(&[("EnteredTime", Shape::Text), ("Name", Shape::Text), ("RetryCount", Shape::Number)]),
    ),
    ("StateMachine", Shape::Object(&[("Id", Shape::Text), ("Name", Shape::Text)])),
    ("Task", Shape::Object(&[("Token", Shape::Text)])),
];

/// Checks a context object that is given for a state; `task` is the state's, if it has one.
pub(super) fn check(given: Option<&Value>, task: Option<&Task>) -> Result<(), String> {
    let Some(given) = given else { return Ok(()) };
    let problem = |why: String| format!("Invalid Context object provided: {why}");
    let Value::Object(given) = given else { return Err(problem("it must be a JSON object".to_owned())) };
    if given.contains_key("Map") {
        return Err(problem("'Map' field is not supported when mocking a Context object".to_owned()));
    }
    check_members(given, "", CONTEXT).map_err(problem)?;
    let has_token =
        task.is_some_and(|task| matches!(task.resource.pattern, Pattern::Callback | Pattern::Job(_)));
    if given.contains_key("Task") && !has_token {
        return Err(problem(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service \
             integration pattern"
                .to_owned(),
        ));
    }
    Ok(())
}

fn check_members(given: &Object, path: &str, known: &[(&str, Shape)]) -> Result<(), String> {
    for (name, value) in given.iter() {
        let Some((_, shape)) = known.iter().find(|(known, _)| *known == &**name) else {
            return Err(format!("Field '{name}' is not allowed"));
        };
        let expected = match (shape, value) {
            (Shape::Anything, _) | (Shape::Text, Value::String(_)) | (Shape::Number, Value::Number(_)) => {
                continue;
            }
            (Shape::Object(members), Value::Object(object)) => {
                check_members(object, &format!("{path}{name}."), members)?;
                continue;
            }
            (Shape::Text, _) => "a string",
            (Shape::Number, _) => "a number",
            (Shape::Object(_), _) => "an object",
        };
        return Err(format!("{path}{name} must be {expected}"));
    }
    Ok(())
}

/// The context object that AWS makes up.
pub(super) fn made_up(
    info: &Info,
    role_arn: Option<&str>,
    state: &State,
    token: &Str,
    retries: Option<u32>,
) -> Value {
    let now = info.started_at.to_string();
    let mut execution = ObjectBuilder::with_capacity(5);
    execution
        .insert("Id", info.arn.clone())
        .insert("Input", info.input.value().clone())
        .insert("Name", info.name.clone())
        .insert("RoleArn", role_arn.map_or(Value::Null, Value::from))
        .insert("StartTime", now.as_str());
    let mut machine = ObjectBuilder::with_capacity(2);
    machine.insert("Id", info.machine_arn.clone()).insert("Name", info.machine_name.clone());
    let mut entered = ObjectBuilder::with_capacity(3);
    entered.insert("Name", LONE_STATE).insert("EnteredTime", now.as_str());
    if matches!(state.kind, Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_)) {
        entered.insert("RetryCount", i64::from(retries.unwrap_or(0)));
    }
    let mut context = ObjectBuilder::with_capacity(4);
    context
        .insert("Execution", execution.build())
        .insert("StateMachine", machine.build())
        .insert("State", entered.build());
    if super::waits_for_more(state) {
        context.insert("Task", [("Token", token.clone())].into_iter().collect::<Object>());
    }
    context.build().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(context: &str, why: &str) {
        let given = Value::parse(context).unwrap();
        assert_eq!(check(Some(&given), None), Err(format!("Invalid Context object provided: {why}")));
    }

    #[test]
    fn given_contexts_have_known_members_of_their_types() {
        refused("1", "it must be a JSON object");
        refused(r#"{"Pokedex":{}}"#, "Field 'Pokedex' is not allowed");
        refused(r#"{"Execution":{"pokemon":1}}"#, "Field 'pokemon' is not allowed");
        refused(r#"{"Execution":{"Id":1}}"#, "Execution.Id must be a string");
        refused(r#"{"State":{"RetryCount":"1"}}"#, "State.RetryCount must be a number");
        refused(r#"{"StateMachine":[]}"#, "StateMachine must be an object");
        refused(r#"{"Map":{}}"#, "'Map' field is not supported when mocking a Context object");
        let whole = r#"{"Execution":{"Input":[1],"RedriveCount":0},"State":{"Name":"S"}}"#;
        assert_eq!(check(Some(&Value::parse(whole).unwrap()), None), Ok(()));
        assert_eq!(check(None, None), Ok(()));
    }
}

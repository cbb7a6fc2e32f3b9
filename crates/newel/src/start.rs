//! `newel start`: a file becomes a state machine, and an execution of it begins.

use std::path::Path;
use std::time::Duration;

use newel_proto::v1::{
    CreateStateMachineRequest, DescribeExecutionRequest, ExecutionStatus, HistoryEvent,
    ListStateMachinesRequest, StartExecutionRequest, UpdateStateMachineRequest, WatchExecutionRequest,
};
use newel_value::Payload;
use tonic::{Code, Status};

use crate::arguments::{Failure, Outcome, Start, exit, read_file};
use crate::client::{self, Client, refused};
use crate::progress::Progress;

/// The longest that a lost connection is tried again for before the command gives up.
const RECONNECT_FOR: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Characters that a state machine's name may have.
const MAX_NAME: usize = 80;

/// Runs the command.
pub(crate) async fn run(command: &Start) -> Outcome {
    let definition = read_file(&command.file)?;
    let input = input(&command.input)?;
    let name = match &command.state_machine {
        Some(name) => name.clone(),
        None => machine_name(&command.file)?,
    };
    let mut client = client::connect(&command.server)?;
    let machine = put_machine(&mut client, &name, definition, &command.role_arn).await?;
    let request = StartExecutionRequest {
        state_machine_arn: machine,
        name: command.name.clone(),
        input: Some(input),
        trace_header: None,
    };
    let started = client.start_execution(request).await.map_err(|status| refused(&status))?.into_inner();
    if !command.wait {
        println!("{}", started.execution_arn);
        return Ok(exit::SUCCESS);
    }
    eprintln!("{}", started.execution_arn);
    follow(&mut client, &started.execution_arn).await?;
    outcome(&mut client, started.execution_arn).await
}

/// The input as given, or the file's that it names; checked here so that the message says where it is wrong.
pub(crate) fn input(given: &str) -> Result<String, Failure> {
    let text = match given.strip_prefix('@') {
        Some(path) => read_file(Path::new(path))?,
        None => given.to_owned(),
    };
    Payload::parse(text.clone()).map_err(|error| Failure::usage(format!("--input is no JSON: {error}")))?;
    Ok(text)
}

/// The file's name up to the first dot, with what a name can't have replaced.
fn machine_name(file: &Path) -> Result<String, Failure> {
    let name = file.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let name: String = stem.chars().map(fits).take(MAX_NAME).collect();
    if name.is_empty() {
        return Err(Failure::usage("the file's name makes no name of a state machine; give --state-machine"));
    }
    Ok(name)
}

/// Creates the state machine, or makes the definition its newest revision; gives its ARN.
async fn put_machine(
    client: &mut Client,
    name: &str,
    definition: String,
    role_arn: &str,
) -> Result<String, Failure> {
    let create = CreateStateMachineRequest {
        name: name.to_owned(),
        definition: definition.clone(),
        role_arn: role_arn.to_owned(),
        ..CreateStateMachineRequest::default()
    };
    match client.create_state_machine(create).await {
        Ok(created) => return Ok(created.into_inner().state_machine_arn),
        Err(status) if client::exception(&status) == Some("StateMachineAlreadyExists") => {}
        Err(status) => return Err(refused(&status)),
    }
    let arn = find_machine(client, name).await?;
    let update = UpdateStateMachineRequest {
        state_machine_arn: arn.clone(),
        definition: Some(definition),
        role_arn: Some(role_arn.to_owned()),
        ..UpdateStateMachineRequest::default()
    };
    client.update_state_machine(update).await.map_err(|status| refused(&status))?;
    Ok(arn)
}

async fn find_machine(client: &mut Client, name: &str) -> Result<String, Failure> {
    let mut next_token = None;
    loop {
        let request = ListStateMachinesRequest { max_results: 1_000, next_token };
        let page = client.list_state_machines(request).await.map_err(|status| refused(&status))?.into_inner();
        if let Some(found) = page.state_machines.into_iter().find(|machine| machine.name == name) {
            return Ok(found.state_machine_arn);
        }
        next_token = page.next_token;
        if next_token.is_none() {
            return Err(Failure::new(
                exit::REFUSED,
                anyhow::anyhow!("state machine {name} was deleted at the same time; try again"),
            ));
        }
    }
}

/// Shows the execution's events until it is closed. A connection that breaks, as when the server is started again, is
/// taken up where it broke.
async fn follow(client: &mut Client, execution_arn: &str) -> Result<(), Failure> {
    let mut progress = Progress::on_stderr();
    let mut last = 0;
    let (mut wait, mut lost) = (FIRST_WAIT, Duration::ZERO);
    loop {
        let before = last;
        let broke = match watch(client, execution_arn, &mut last, &mut |event| progress.show(event)).await {
            Ok(()) => return Ok(()),
            Err(status) => status,
        };
        if last > before {
            (wait, lost) = (FIRST_WAIT, Duration::ZERO);
        }
        let passing =
            matches!(broke.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled);
        if !passing || lost >= RECONNECT_FOR {
            return Err(refused(&broke));
        }
        if lost.is_zero() {
            progress.note(&format!("lost the server ({}); trying again", broke.message()));
        }
        tokio::time::sleep(wait).await;
        lost += wait;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Reads events from one stream to its end.
async fn watch(
    client: &mut Client,
    execution_arn: &str,
    last: &mut u64,
    show: &mut (impl FnMut(&HistoryEvent) + Send),
) -> Result<(), Status> {
    let request = WatchExecutionRequest {
        execution_arn: execution_arn.to_owned(),
        after_event_id: *last,
        include_execution_data: Some(true),
    };
    let mut stream = client.watch_execution(request).await?.into_inner();
    while let Some(batch) = stream.message().await? {
        for event in &batch.events {
            *last = event.id;
            show(event);
        }
        if batch.closed {
            return Ok(());
        }
    }
    Err(Status::unavailable("the stream ended early"))
}

/// Prints how the execution ended.
async fn outcome(client: &mut Client, execution_arn: String) -> Outcome {
    let request = DescribeExecutionRequest { execution_arn, included_data: 0 };
    let execution = client.describe_execution(request).await.map_err(|status| refused(&status))?.into_inner();
    let status = execution.status();
    if let Some(output) = execution.output {
        println!("{output}");
    }
    let fault = || match (&execution.error, &execution.cause) {
        (None, None) => String::new(),
        (error, cause) => {
            let (error, cause) =
                (error.as_deref().unwrap_or("(no error)"), cause.as_deref().unwrap_or_default());
            format!(": {error} {cause}").trim_end().to_owned()
        }
    };
    let name = status.as_str_name().trim_start_matches("EXECUTION_STATUS_");
    eprintln!("{name}{}", fault());
    Ok(match status {
        ExecutionStatus::Succeeded => exit::SUCCESS,
        ExecutionStatus::TimedOut => exit::TIMED_OUT,
        ExecutionStatus::Aborted => exit::ABORTED,
        ExecutionStatus::Failed => exit::FAILED,
        ExecutionStatus::Unspecified | ExecutionStatus::Running | ExecutionStatus::PendingRedrive => {
            exit::SOFTWARE
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_named_after_its_file() {
        let check = |file: &str, expect: Option<&str>| {
            assert_eq!(machine_name(Path::new(file)).ok().as_deref(), expect, "{file}");
        };
        check("demo/order.asl.json", Some("order"));
        check("/a/b/Order_2-x", Some("Order_2-x"));
        check("my order.json", Some("my-order"));
        check(".json", None);
        check(&format!("{}.json", "x".repeat(100)), Some(&"x".repeat(80)));
    }

    #[test]
    fn the_input_is_json_or_a_file_of_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1]").unwrap();
        assert_eq!(input("{ }").unwrap(), "{ }");
        assert_eq!(input(&format!("@{}", file.path().display())).unwrap(), "[1]");
        assert_eq!(input("{").unwrap_err().code, exit::USAGE);
        assert_eq!(input("@/nowhere/at/all").unwrap_err().code, exit::NO_INPUT);
    }
}

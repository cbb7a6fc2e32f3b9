//! The same operations as messages.

use newel_engine::ErrorKind;
use newel_proto::v1 as pb;
use newel_proto::v1::history_event::Details;
use newel_proto::v1::integrations_service_client::IntegrationsServiceClient;
use newel_proto::v1::workflows_service_client::WorkflowsServiceClient;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::client::Api;
use crate::fake::{ACTIVITY, ALIAS, EXECUTION, MACHINE, MAP_RUN, VERSION};

async fn connected(api: &Api) -> WorkflowsServiceClient<Channel> {
    WorkflowsServiceClient::new(api.channel().await)
}

fn time() -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 250_000_000 })
}

#[tokio::test]
async fn state_machines() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let create = pb::CreateStateMachineRequest {
        name: "m".into(),
        definition: "{}".into(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        ..Default::default()
    };
    let created = client.create_state_machine(create).await.unwrap().into_inner();
    assert_eq!(created.creation_date, time());
    let arn = || created.state_machine_arn.clone();
    let update = pb::UpdateStateMachineRequest {
        state_machine_arn: arn(),
        definition: Some("{}".into()),
        ..Default::default()
    };
    assert_eq!(
        client.update_state_machine(update).await.unwrap().into_inner().revision_id.as_deref(),
        Some("r2")
    );
    let describe = pb::DescribeStateMachineRequest { state_machine_arn: arn(), included_data: 0 };
    let described = client.describe_state_machine(describe).await.unwrap().into_inner();
    assert_eq!(
        (described.status(), described.r#type()),
        (pb::StateMachineStatus::Active, pb::StateMachineType::Standard)
    );
    assert_eq!(described.logging_configuration.unwrap().level(), pb::LogLevel::Off);
    let of_execution =
        pb::DescribeStateMachineForExecutionRequest { execution_arn: EXECUTION.into(), included_data: 2 };
    let described = client.describe_state_machine_for_execution(of_execution).await.unwrap().into_inner();
    assert_eq!((&*described.definition, described.revision_id.as_deref()), ("", Some("r1")));
    client.delete_state_machine(pb::DeleteStateMachineRequest { state_machine_arn: arn() }).await.unwrap();

    let list = pb::ListStateMachinesRequest { max_results: 2, next_token: None };
    let first = client.list_state_machines(list).await.unwrap().into_inner();
    let list = pb::ListStateMachinesRequest { max_results: 2, next_token: first.next_token };
    let second = client.list_state_machines(list).await.unwrap().into_inner();
    assert_eq!((first.state_machines.len(), second.state_machines.len(), second.next_token), (2, 1, None));
}

#[tokio::test]
async fn what_workers_serve() {
    let api = Api::start().await;
    let mut client = IntegrationsServiceClient::new(api.channel().await);
    let served = client.list_integrations(pb::ListIntegrationsRequest {}).await.unwrap().into_inner();
    let families: Vec<_> = served.families.iter().map(|f| (&*f.family, f.workers, f.queued)).collect();
    assert_eq!(families, [("acme", 0, 3), ("batch", 2, 3)]);
    let [resource] = &served.resources[..] else { panic!("{served:?}") };
    assert_eq!((&*resource.resource, &*resource.family), ("arn:aws:states:::acme:render", "acme"));
    let patterns: Vec<_> = resource.patterns().collect();
    assert_eq!(
        patterns,
        [
            pb::IntegrationPattern::RequestResponse,
            pb::IntegrationPattern::Sync,
            pb::IntegrationPattern::WaitForTaskToken,
        ]
    );
    let remove = |service: &str, action: Option<&str>| pb::RemoveIntegrationRequest {
        service: service.into(),
        action: action.map(Into::into),
    };
    let removed = client.remove_integration(remove("acme", Some("render"))).await.unwrap().into_inner();
    assert_eq!(removed.resources, ["arn:aws:states:::acme:render"]);
    assert_eq!(api.engine.last_call(), r#"remove acme Some("render")"#);
    for nothing in [remove("", None), remove("acme", Some(""))] {
        let refused = client.remove_integration(nothing).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn versions_and_aliases() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let machine = || MACHINE.to_owned();
    let publish = pb::PublishStateMachineVersionRequest {
        state_machine_arn: machine(),
        revision_id: Some("r1".into()),
        description: None,
    };
    let published = client.publish_state_machine_version(publish).await.unwrap().into_inner();
    assert_eq!((&*published.state_machine_version_arn, published.creation_date), (VERSION, time()));
    let list = pb::ListStateMachineVersionsRequest { state_machine_arn: machine(), ..Default::default() };
    let versions = client.list_state_machine_versions(list).await.unwrap().into_inner();
    assert_eq!(versions.state_machine_versions.len(), 3);
    let delete = pb::DeleteStateMachineVersionRequest { state_machine_version_arn: VERSION.into() };
    client.delete_state_machine_version(delete).await.unwrap();

    let routing = vec![pb::RoutingConfiguration { state_machine_version_arn: VERSION.into(), weight: 100 }];
    let create = pb::CreateStateMachineAliasRequest {
        name: "PROD".into(),
        description: None,
        routing_configuration: routing.clone(),
    };
    let created = client.create_state_machine_alias(create).await.unwrap().into_inner();
    assert_eq!((&*created.state_machine_alias_arn, created.creation_date), (ALIAS, time()));
    let alias = || ALIAS.to_owned();
    let update = pb::UpdateStateMachineAliasRequest {
        state_machine_alias_arn: alias(),
        description: Some("d".into()),
        routing_configuration: Vec::new(),
    };
    assert_eq!(client.update_state_machine_alias(update).await.unwrap().into_inner().update_date, time());
    assert!(api.engine.last_call().contains("routing: None"), "{}", api.engine.last_call());
    let describe = pb::DescribeStateMachineAliasRequest { state_machine_alias_arn: alias() };
    let described = client.describe_state_machine_alias(describe).await.unwrap().into_inner();
    assert_eq!((&*described.name, described.routing_configuration), ("PROD", routing));
    let list = pb::ListStateMachineAliasesRequest { state_machine_arn: machine(), ..Default::default() };
    let aliases = client.list_state_machine_aliases(list).await.unwrap().into_inner();
    assert_eq!(aliases.state_machine_aliases.len(), 3);
    let delete = pb::DeleteStateMachineAliasRequest { state_machine_alias_arn: alias() };
    client.delete_state_machine_alias(delete).await.unwrap();
}

#[tokio::test]
async fn map_runs_and_redrives() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let redrive =
        pb::RedriveExecutionRequest { execution_arn: EXECUTION.into(), client_token: Some("t".into()) };
    assert_eq!(client.redrive_execution(redrive).await.unwrap().into_inner().redrive_date, time());
    assert!(api.engine.last_call().ends_with("Some(\"t\")"), "{}", api.engine.last_call());

    let describe = pb::DescribeMapRunRequest { map_run_arn: MAP_RUN.into() };
    let run = client.describe_map_run(describe).await.unwrap().into_inner();
    assert_eq!((run.status(), run.max_concurrency), (pb::MapRunStatus::Running, 7));
    assert_eq!((run.tolerated_failure_percentage, run.tolerated_failure_count), (2.5, 3));
    let items = run.item_counts.unwrap();
    assert_eq!((items.pending, items.running, items.total), (1, 2, 3));
    let list = pb::ListMapRunsRequest { execution_arn: EXECUTION.into(), max_results: 2, next_token: None };
    let first = client.list_map_runs(list).await.unwrap().into_inner();
    assert_eq!((first.map_runs.len(), &*first.map_runs[0].execution_arn), (2, EXECUTION));
    let list = pb::ListMapRunsRequest {
        execution_arn: EXECUTION.into(),
        max_results: 2,
        next_token: first.next_token,
    };
    assert_eq!(client.list_map_runs(list).await.unwrap().into_inner().map_runs.len(), 1);

    let update = pb::UpdateMapRunRequest {
        map_run_arn: MAP_RUN.into(),
        tolerated_failure_percentage: Some(12.5),
        ..Default::default()
    };
    client.update_map_run(update).await.unwrap();
    assert!(api.engine.last_call().contains("tolerated_failure_percentage: Some(12.5)"));
    let nothing = pb::UpdateMapRunRequest { map_run_arn: MAP_RUN.into(), ..Default::default() };
    assert_eq!(client.update_map_run(nothing).await.unwrap_err().code(), tonic::Code::InvalidArgument);

    let children = pb::ListExecutionsRequest { map_run_arn: Some(MAP_RUN.into()), ..Default::default() };
    assert_eq!(client.list_executions(children).await.unwrap().into_inner().executions.len(), 3);
    assert!(api.engine.last_call().contains("MapRun("), "{}", api.engine.last_call());
}

#[tokio::test]
async fn definitions_are_validated() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let request = pb::ValidateStateMachineDefinitionRequest {
        definition: "{}".into(),
        severity: pb::DiagnosticSeverity::Warning.into(),
        max_results: 2,
        ..Default::default()
    };
    let found = client.validate_state_machine_definition(request).await.unwrap().into_inner();
    assert_eq!((found.result(), found.truncated), (pb::ValidationResult::Fail, true));
    let told: Vec<_> =
        found.diagnostics.iter().map(|d| (d.severity(), &*d.code, d.location.as_deref())).collect();
    let expect = [
        (pb::DiagnosticSeverity::Warning, "NO_DOLLAR", Some("/States/A")),
        (pb::DiagnosticSeverity::Error, "MISSING_END_STATE", None),
    ];
    assert_eq!(told, expect);
}

#[tokio::test]
async fn a_state_is_tested() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let request = pb::TestStateRequest {
        definition: "{}".into(),
        inspection_level: pb::InspectionLevel::Trace.into(),
        mock: Some(pb::MockInput { result: Some("1".into()), ..Default::default() }),
        ..Default::default()
    };
    let tested = client.test_state(request).await.unwrap().into_inner();
    assert_eq!((tested.status(), tested.output()), (pb::TestExecutionStatus::CaughtError, "3"));
    let inspection = tested.inspection_data.unwrap();
    assert_eq!((&*inspection.input, &*inspection.stages["afterInputPath"]), ("{}", "[ 1 ]"));
    assert_eq!(inspection.error_details.unwrap().retry_index, Some(1));
    let (request, response) = (inspection.request.unwrap(), inspection.response.unwrap());
    assert_eq!((&*request.url, &*request.headers), ("https://h/", "[C: d]"));
    assert_eq!((&*response.status_code, &*response.status_message), ("404", "Not Found"));
}

#[tokio::test]
async fn activities() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let create = pb::CreateActivityRequest { name: "a".into(), ..Default::default() };
    let created = client.create_activity(create).await.unwrap().into_inner();
    assert_eq!((&*created.activity_arn, created.creation_date), (&*format!("{ACTIVITY}a"), time()));
    let arn = || created.activity_arn.clone();
    let describe = pb::DescribeActivityRequest { activity_arn: arn() };
    assert_eq!(client.describe_activity(describe).await.unwrap().into_inner().name, "a");
    let list = pb::ListActivitiesRequest { max_results: 2, next_token: None };
    let page = client.list_activities(list).await.unwrap().into_inner();
    assert_eq!((page.activities.len(), page.next_token.is_some()), (2, true));
    let poll = pb::GetActivityTaskRequest { activity_arn: arn(), worker_name: Some("w".into()) };
    let task = client.get_activity_task(poll).await.unwrap().into_inner();
    assert_eq!((task.task_token.as_deref(), task.input.as_deref()), (Some("t"), Some("{ }")));
    let poll = pb::GetActivityTaskRequest { activity_arn: arn(), worker_name: None };
    assert_eq!(client.get_activity_task(poll).await.unwrap().into_inner(), Default::default());
    client.delete_activity(pb::DeleteActivityRequest { activity_arn: arn() }).await.unwrap();
}

#[tokio::test]
async fn executions() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let start = pb::StartExecutionRequest { state_machine_arn: MACHINE.into(), ..Default::default() };
    let started = client.start_execution(start).await.unwrap().into_inner();
    assert_eq!((&*started.execution_arn, started.start_date), (EXECUTION, time()));
    let start = pb::StartSyncExecutionRequest {
        state_machine_arn: MACHINE.into(),
        input: Some("[7]".into()),
        ..Default::default()
    };
    let done = client.start_sync_execution(start).await.unwrap().into_inner();
    assert_eq!((done.status(), done.input.as_deref()), (pb::ExecutionStatus::Succeeded, Some("[7]")));
    assert_eq!((done.output.as_deref(), done.billed_duration_millis), (Some("[1]"), 100));
    let describe = pb::DescribeExecutionRequest { execution_arn: EXECUTION.into(), included_data: 0 };
    let described = client.describe_execution(describe).await.unwrap().into_inner();
    assert_eq!(
        (described.status(), described.output.as_deref()),
        (pb::ExecutionStatus::Succeeded, Some("1"))
    );
    let stop = pb::StopExecutionRequest { execution_arn: EXECUTION.into(), ..Default::default() };
    assert_eq!(client.stop_execution(stop).await.unwrap().into_inner().stop_date, time());
    let list = pb::ListExecutionsRequest {
        state_machine_arn: Some(MACHINE.into()),
        status_filter: pb::ExecutionStatus::Running.into(),
        ..Default::default()
    };
    assert_eq!(client.list_executions(list).await.unwrap().into_inner().executions.len(), 3);
    assert!(
        api.engine.last_call().contains("status: Some(Running), redriven: None, limit: 100"),
        "{}",
        api.engine.last_call()
    );
    let history = pb::GetExecutionHistoryRequest { execution_arn: EXECUTION.into(), ..Default::default() };
    let history = client.get_execution_history(history).await.unwrap().into_inner();
    let input = match history.events[1].details.clone().unwrap() {
        Details::StateEntered(entered) => entered.input,
        other => panic!("{other:?}"),
    };
    assert_eq!((&*history.events[1].r#type, input.as_deref()), ("PassStateEntered", Some("{ }")));
}

#[tokio::test]
async fn tasks_and_tags() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let token = || "t".to_owned();
    let success = pb::SendTaskSuccessRequest { task_token: token(), output: "1".into() };
    client.send_task_success(success).await.unwrap();
    let failure = pb::SendTaskFailureRequest { task_token: token(), error: None, cause: None };
    client.send_task_failure(failure).await.unwrap();
    client.send_task_heartbeat(pb::SendTaskHeartbeatRequest { task_token: token() }).await.unwrap();
    let tag = pb::Tag { key: "k".into(), value: "v".into() };
    client
        .tag_resource(pb::TagResourceRequest { resource_arn: MACHINE.into(), tags: vec![tag.clone()] })
        .await
        .unwrap();
    let untag = pb::UntagResourceRequest { resource_arn: MACHINE.into(), tag_keys: vec!["k".into()] };
    client.untag_resource(untag).await.unwrap();
    let list = pb::ListTagsForResourceRequest { resource_arn: MACHINE.into() };
    assert_eq!(client.list_tags_for_resource(list).await.unwrap().into_inner().tags, [tag]);
    assert_eq!(api.engine.calls(), 6);
}

#[tokio::test]
async fn a_watch_begins_after_the_event_that_is_named_and_ends_with_the_execution() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    for (after, expect) in [(0, vec![(1, false), (2, false), (3, true)]), (2, vec![(3, true)])] {
        let watch = pb::WatchExecutionRequest {
            execution_arn: EXECUTION.into(),
            after_event_id: after,
            include_execution_data: None,
        };
        let stream = client.watch_execution(watch).await.unwrap().into_inner();
        let seen: Vec<_> = stream.map(|m| m.map(|m| (m.events[0].id, m.closed)).unwrap()).collect().await;
        assert_eq!(seen, expect);
    }
}

#[tokio::test]
async fn refusals_carry_a_code_the_message_and_the_name() {
    let api = Api::start().await;
    let mut client = connected(&api).await;
    let describe = |arn: &str| pb::DescribeExecutionRequest { execution_arn: arn.into(), included_data: 0 };
    let invalid = client.describe_execution(describe("")).await.unwrap_err();
    assert_eq!(invalid.code(), Code::InvalidArgument);
    assert_eq!(
        invalid.message(),
        "1 validation error detected: Value null at 'executionArn' failed to satisfy constraint: Member must not be null"
    );
    let foreign = "arn:aws:states:us-east-1:999999999999:execution:m:e";
    let watch = pb::WatchExecutionRequest { execution_arn: foreign.into(), ..Default::default() };
    assert_eq!(client.watch_execution(watch).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(api.engine.calls(), 0);
    api.engine.refuse(ErrorKind::ExecutionDoesNotExist, "Execution Does Not Exist: 'x'");
    let missing = client.describe_execution(describe(EXECUTION)).await.unwrap_err();
    assert_eq!((missing.code(), missing.message()), (Code::NotFound, "Execution Does Not Exist: 'x'"));
    assert_eq!(missing.metadata().get("newel-error").unwrap(), "ExecutionDoesNotExist");
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let api = Api::start().await;
    let mut client = ServerReflectionClient::new(api.channel().await);
    let ask = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut stream =
        client.server_reflection_info(Request::new(tokio_stream::iter([ask]))).await.unwrap().into_inner();
    let answer = stream.next().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = services.service.iter().map(|service| &*service.name).collect();
    for name in [
        "newel.v1.WorkflowsService",
        "newel.v1.IntegrationsService",
        "newel.worker.v1.WorkerService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

//! Resources that workers register: durable, checked, and never in the way of what runs.

use std::sync::Arc;

use newel_asl::ResourceCatalog;
use newel_aws_catalog::Catalog;
use newel_engine::request::{MachineType, ValidateDefinition};
use newel_engine::{ErrorKind, Pattern, Registration, Report, TaskEngine as _, Workflows as _};
use newel_integrations::Integrations;
use newel_store::ExecutionStatus;

use crate::support::{Fixture, json};

const CLOSED: &str = r#"{"type":"object","properties":{"template":{"type":"string"}},"required":["template"],
    "additionalProperties":false}"#;

/// The integrations as a process has them when it starts: without what workers registered.
fn fresh() -> Arc<dyn ResourceCatalog> {
    Arc::new(Integrations::new(Arc::new(Catalog::from_models([]).unwrap())))
}

async fn knowing() -> Fixture {
    Fixture::new().await.restart_knowing(fresh()).await
}

fn render(family: &str, schema: &str) -> Registration {
    Registration {
        service: "acme".into(),
        action: "render".into(),
        family: family.into(),
        patterns: vec![Pattern::RequestResponse, Pattern::Job(1)],
        schema: schema.into(),
    }
}

fn definition(suffix: &str, parameters: &str) -> String {
    format!(
        r#"{{"StartAt":"R","States":{{"R":{{"Type":"Task","Resource":"arn:aws:states:::acme:render{suffix}",
            "Parameters":{parameters},"End":true}}}}}}"#
    )
}

/// The errors of a definition: message and place.
async fn faults(fixture: &Fixture, suffix: &str, parameters: &str) -> Vec<(String, String)> {
    let request = ValidateDefinition {
        definition: definition(suffix, parameters).into(),
        machine_type: MachineType::Standard,
    };
    let found = fixture.engine.validate_definition(request).await.unwrap();
    let told = |d: &newel_asl::Diagnostic| {
        (d.message.to_string(), d.location.as_deref().unwrap_or_default().to_owned())
    };
    found.errors().map(told).collect()
}

const TEMPLATE: &str = r#"{"template":"invoice"}"#;

#[tokio::test]
async fn what_is_registered_is_checked_and_survives_a_restart() {
    let fixture = knowing().await;
    assert!(faults(&fixture, "", TEMPLATE).await[0].0.contains("is not recognized"));
    fixture.engine.register(vec![render("acme", CLOSED)]).await.unwrap();
    let fixture = fixture.restart_knowing(fresh()).await;
    assert_eq!(faults(&fixture, "", TEMPLATE).await, []);
    assert_eq!(faults(&fixture, ".sync", r#"{"template.$":"$.t"}"#).await, []);
    assert!(faults(&fixture, ".waitForTaskToken", TEMPLATE).await[0].0.contains("is not recognized"));
    let told = faults(&fixture, "", r#"{"colour":1}"#).await;
    let at = "/States/R/Parameters".to_owned();
    assert_eq!(
        told,
        [
            ("The field \"colour\" is not supported by Step Functions".to_owned(), at.clone()),
            ("The field 'template' is required but was missing".to_owned(), at),
        ]
    );
    assert!(fixture.engine.is_registered("acme") && !fixture.engine.is_registered("other"));
    assert_eq!(fixture.engine.served().registered, [render("acme", CLOSED)]);
}

#[tokio::test]
async fn its_tasks_go_to_its_family_with_their_parameters_whole() {
    let fixture = knowing().await;
    fixture.engine.register(vec![render("renderers", CLOSED)]).await.unwrap();
    fixture.create("m", &definition("", r#"{"template.$":"$.t"}"#)).await;
    let execution = fixture.start("m", "e", r#"{"t":"x"}"#).await;
    let order = fixture.desk.order(0).await;
    assert_eq!((&*order.family, &*order.resource), ("renderers", "arn:aws:states:::acme:render"));
    assert_eq!(order.parameters.as_ref().unwrap().text(), r#"{"template":"x"}"#);
    fixture.engine.report(order.task.clone(), Report::Succeeded(json("[1]"))).await.unwrap();
    assert_eq!(fixture.closed(&execution).await.output.unwrap().text(), "[1]");
    // What the run time gives is checked too.
    let execution = fixture.start("m", "f", r#"{"t":7}"#).await;
    let failed = fixture.closed(&execution).await;
    let cause = failed.fault.cause.unwrap();
    assert!(cause.contains("The value for the field 'template' must be a STRING"), "{cause}");
}

#[tokio::test]
async fn a_new_schema_takes_the_place_of_the_old_one_and_stops_nothing_that_was_accepted() {
    let fixture = knowing().await;
    fixture.engine.register(vec![render("acme", "")]).await.unwrap();
    fixture.create("m", &definition("", r#"{"colour":1}"#)).await;
    fixture.engine.register(vec![render("acme", CLOSED)]).await.unwrap();
    assert_eq!(faults(&fixture, "", r#"{"colour":1}"#).await.len(), 2);
    // Its plan is compiled again.
    let fixture = fixture.restart_knowing(fresh()).await;
    let execution = fixture.start("m", "e", "{}").await;
    let failed = fixture.closed(&execution).await;
    assert_eq!(
        failed.status,
        ExecutionStatus::Failed,
        "the task fails, as its parameters don't fit any more"
    );
    fixture.engine.register(vec![render("acme", "")]).await.unwrap();
    fixture.start("m", "f", "{}").await;
    fixture.desk.order(0).await;
}

#[tokio::test]
async fn what_is_removed_can_t_be_named_anew_and_what_names_it_goes_on() {
    let fixture = knowing().await;
    fixture.engine.register(vec![render("acme", CLOSED)]).await.unwrap();
    fixture.create("m", &definition(".sync", TEMPLATE)).await;
    let none = fixture.engine.remove_registrations("acme", Some("print")).await.unwrap_err();
    assert_eq!(none.kind, ErrorKind::ResourceNotFound);
    let removed = fixture.engine.remove_registrations("acme", None).await.unwrap();
    assert_eq!(removed, [render("acme", CLOSED)]);
    let fixture = fixture.restart_knowing(fresh()).await;
    assert_eq!(fixture.engine.served().registered, []);
    assert!(fixture.engine.is_registered("acme"), "tasks of what names it wait for its worker");
    assert!(faults(&fixture, ".sync", TEMPLATE).await[0].0.contains("is not recognized"));
    fixture.start("m", "e", "{}").await;
    assert_eq!(&*fixture.desk.order(0).await.family, "acme");
    // The name is free, and whoever registers it has it.
    fixture.engine.register(vec![render("printers", "")]).await.unwrap();
    assert_eq!(faults(&fixture, ".sync", TEMPLATE).await, []);
    fixture.start("m", "f", "{}").await;
    assert_eq!(&*fixture.desk.order(1).await.family, "printers", "also of machines that have run before");
    let fixture = fixture.restart_knowing(fresh()).await;
    assert_eq!(fixture.engine.served().registered, [render("printers", "")]);
}

#[tokio::test]
async fn what_can_t_be_registered_changes_nothing() {
    let fixture = knowing().await;
    fixture.engine.register(vec![render("acme", CLOSED)]).await.unwrap();
    let print = Registration { action: "print".into(), ..render("acme", "") };
    for (registrations, kind) in [
        (
            vec![print.clone(), Registration { service: "batch".into(), ..print.clone() }],
            ErrorKind::Validation,
        ),
        (vec![print.clone(), Registration { family: "glue".into(), ..print.clone() }], ErrorKind::Validation),
        (vec![render("acme", "[]")], ErrorKind::Validation),
        (vec![Registration { family: "printers".into(), ..print }], ErrorKind::Conflict),
    ] {
        assert_eq!(fixture.engine.register(registrations).await.unwrap_err().kind, kind);
    }
    assert_eq!(fixture.engine.served().registered, [render("acme", CLOSED)]);
}

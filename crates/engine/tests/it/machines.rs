//! State machines: create, update, describe, list, tags.

use newel_engine::request::{
    Configuration, CreateStateMachine, MachineType, Tag, Tenant, UpdateStateMachine,
};
use newel_engine::{ErrorKind, Workflows as _};
use newel_value::{Str, Value};

use crate::support::{Fixture, machine_arn, pass, tenant};

fn update(name: &str, definition: Option<&str>) -> UpdateStateMachine {
    UpdateStateMachine {
        tenant: tenant(),
        arn: machine_arn(name).into(),
        definition: definition.map(Str::from),
        role_arn: None,
        configuration: Configuration::default(),
        publish: false,
        version_description: None,
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

#[tokio::test(start_paused = true)]
async fn creation_is_repeated_only_by_the_same_request() {
    let fixture = Fixture::new().await;
    let base = || Fixture::creation("m", &pass(1));
    let first = fixture.engine.create_state_machine(base()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let tracing = |text: &str| Configuration { tracing: Value::parse(text).ok(), ..Configuration::default() };
    for (what, request, expected) in [
        ("the same", base(), Ok(())),
        ("another role", CreateStateMachine { role_arn: "other".into(), ..base() }, Ok(())),
        (
            "the same configuration, said",
            CreateStateMachine { configuration: tracing(r#"{"enabled":false}"#), ..base() },
            Ok(()),
        ),
        ("other tags", CreateStateMachine { tags: vec![tag("k", "v")], ..base() }, Ok(())),
        (
            "another definition",
            CreateStateMachine { definition: pass(2).into(), ..base() },
            Err(ErrorKind::StateMachineAlreadyExists),
        ),
        (
            "another configuration",
            CreateStateMachine { configuration: tracing(r#"{"enabled":true}"#), ..base() },
            Err(ErrorKind::StateMachineAlreadyExists),
        ),
        (
            "another type",
            CreateStateMachine { machine_type: MachineType::Express, ..base() },
            Err(ErrorKind::StateMachineAlreadyExists),
        ),
        ("no definition", Fixture::creation("n", "{}"), Err(ErrorKind::InvalidDefinition)),
    ] {
        let answer = fixture.engine.create_state_machine(request).await;
        match expected {
            Ok(()) => assert_eq!(answer.unwrap().created_at, first.created_at, "{what}"),
            Err(kind) => assert_eq!(answer.unwrap_err().kind, kind, "{what}"),
        }
    }
    assert!(fixture.engine.tags(&tenant(), &first.arn).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_is_for_later_executions() {
    let fixture = Fixture::new().await;
    let wait = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}"#;
    let arn = fixture.create("m", wait).await;
    let before = fixture.start("m", "before", "{}").await;
    assert_eq!(fixture.engine.describe_state_machine(&tenant(), &arn).await.unwrap().revision_id, None);
    let updated = fixture.engine.update_state_machine(update("m", Some(&pass(1)))).await.unwrap();
    let after = fixture.start("m", "after", "{}").await;
    let now = fixture.engine.describe_state_machine(&tenant(), &arn).await.unwrap();
    assert_eq!((&*now.definition, now.revision_id), (&*pass(1), updated.revision_id));
    let fixture = fixture.restart().await;
    for (execution, definition) in [(&before, wait.to_owned()), (&after, pass(1))] {
        let revision =
            fixture.engine.describe_state_machine_for_execution(&tenant(), execution).await.unwrap();
        assert_eq!(*revision.definition, *definition);
        assert_eq!(fixture.closed(execution).await.output.unwrap().text(), "{}");
    }
    for (request, kind) in [
        (update("none", Some(&pass(1))), ErrorKind::StateMachineDoesNotExist),
        (update("m", Some("{}")), ErrorKind::InvalidDefinition),
        (UpdateStateMachine { arn: "arn".into(), ..update("m", None) }, ErrorKind::InvalidArn),
    ] {
        assert_eq!(fixture.engine.update_state_machine(request).await.unwrap_err().kind, kind);
    }
    let still = fixture.engine.describe_state_machine(&tenant(), &arn).await.unwrap();
    assert_eq!(*still.definition, *pass(1));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_changes_nothing_makes_no_revision() {
    let fixture = Fixture::new().await;
    let arn = fixture.create("m", &pass(1)).await;
    let configured = |logging: &str, tracing: &str| UpdateStateMachine {
        configuration: Configuration {
            logging: Value::parse(logging).ok(),
            tracing: Value::parse(tracing).ok(),
            encryption: Value::parse(r#"{"type":"AWS_OWNED_KEY"}"#).ok(),
        },
        publish: true,
        ..update("m", Some(&pass(1)))
    };
    let said = configured(r#"{"level":"OFF","includeExecutionData":false,"destinations":[]}"#, "{}");
    for _ in 0..2 {
        let updated = fixture.engine.update_state_machine(said.clone()).await.unwrap();
        assert_eq!(updated.revision_id, None);
        assert_eq!(updated.version_arn.as_deref(), Some(&*format!("{arn}:1")));
    }
    let other = configured("{}", r#"{"enabled":true}"#);
    let updated = fixture.engine.update_state_machine(other.clone()).await.unwrap();
    assert!(updated.revision_id.is_some());
    assert_eq!(updated.version_arn.as_deref(), Some(&*format!("{arn}:2")));
    let again = fixture.engine.update_state_machine(other).await.unwrap();
    assert_eq!((again.revision_id, again.version_arn), (updated.revision_id, updated.version_arn));
}

#[tokio::test(start_paused = true)]
async fn everything_is_separate_by_account_and_region() {
    let fixture = Fixture::new().await;
    let arn = fixture.create("m", &pass(1)).await;
    let execution = fixture.start("m", "e", "{}").await;
    let elsewhere = [("111111111111", "us-east-1"), ("000000000000", "eu-west-1")];
    for (account, region) in elsewhere {
        let other = Tenant { account: account.into(), region: region.into() };
        let missing = fixture.engine.describe_state_machine(&other, &arn).await.unwrap_err();
        assert_eq!(missing.kind, ErrorKind::StateMachineDoesNotExist);
        let missing = fixture.engine.describe_execution(&other, &execution).await.unwrap_err();
        assert_eq!(missing.kind, ErrorKind::ExecutionDoesNotExist);
        assert!(fixture.engine.list_state_machines(&other, 9, None).await.unwrap().items.is_empty());
        assert!(fixture.engine.delete_state_machine(&other, &arn).await.is_ok(), "as if it weren't there");
        let theirs = CreateStateMachine { tenant: other.clone(), ..Fixture::creation("m", &pass(2)) };
        assert_ne!(*fixture.engine.create_state_machine(theirs).await.unwrap().arn, *arn);
    }
    assert!(fixture.engine.describe_state_machine(&tenant(), &arn).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn machines_are_listed_in_pages_by_creation() {
    let fixture = Fixture::new().await;
    for n in 0..7 {
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        fixture.create(&format!("m{n}"), &pass(1)).await;
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.engine.list_state_machines(&tenant(), 3, after.as_deref()).await.unwrap();
        names.extend(page.items.iter().map(|item| item.name.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
    let refused = fixture.engine.list_state_machines(&tenant(), 3, Some("e5")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::InvalidToken);
}

#[tokio::test(start_paused = true)]
async fn tags_are_set_replaced_removed_and_bounded() {
    let fixture = Fixture::new().await;
    let arn = fixture.create("m", &pass(1)).await;
    let engine = &fixture.engine;
    engine.tag(&tenant(), &arn, vec![tag("a", "1"), tag("b", "2")]).await.unwrap();
    engine.tag(&tenant(), &arn, vec![tag("b", "3")]).await.unwrap();
    assert_eq!(engine.tags(&tenant(), &arn).await.unwrap(), [tag("a", "1"), tag("b", "3")]);
    engine.untag(&tenant(), &arn, vec!["a".into(), "z".into()]).await.unwrap();
    assert_eq!(engine.tags(&tenant(), &arn).await.unwrap(), [tag("b", "3")]);
    let many = (0..50).map(|n| tag(&format!("k{n}"), "")).collect();
    assert_eq!(engine.tag(&tenant(), &arn, many).await.unwrap_err().kind, ErrorKind::TooManyTags);
    let missing = engine.tags(&tenant(), &machine_arn("none")).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::ResourceNotFound);
}

//! Versions and aliases: publishing, routing, what executions keep of them, and what survives a restart.

use newel_asl::Limits;
use newel_engine::request::{
    CreateAlias, CreateStateMachine, PublishVersion, PublishedVersion, Route, StartExecution, Tenant,
    UpdateAlias, UpdateStateMachine,
};
use newel_engine::{Engine, Error, ErrorKind, Options, Workflows as _};
use newel_machine::Detail;
use newel_store::MemoryStore;
use newel_value::Str;

use crate::support::{Fixture, json, machine_arn, pass, tenant};

fn update(definition: &str) -> UpdateStateMachine {
    UpdateStateMachine {
        tenant: tenant(),
        arn: machine_arn("m").into(),
        definition: Some(definition.into()),
        role_arn: None,
        configuration: Default::default(),
        publish: true,
        version_description: None,
    }
}

fn publish(revision_id: Option<&str>) -> PublishVersion {
    PublishVersion {
        tenant: tenant(),
        state_machine_arn: machine_arn("m").into(),
        revision_id: revision_id.map(Str::from),
        description: Some("described".into()),
    }
}

fn version(number: u64) -> String {
    format!("{}:{number}", machine_arn("m"))
}

fn alias_arn() -> String {
    format!("{}:PROD", machine_arn("m"))
}

fn routes(routing: &[(&str, u8)]) -> Vec<Route> {
    routing.iter().map(|(arn, weight)| Route { version_arn: (*arn).into(), weight: *weight }).collect()
}

fn alias(routing: &[(&str, u8)]) -> CreateAlias {
    CreateAlias { tenant: tenant(), name: "PROD".into(), description: None, routing: routes(routing) }
}

/// A machine `m` with one version for each number of Pass states, 1 to `count`.
async fn published(count: usize) -> Fixture {
    let fixture = Fixture::new().await;
    let creation = CreateStateMachine { publish: true, ..Fixture::creation("m", &pass(1)) };
    let created = fixture.engine.create_state_machine(creation).await.unwrap();
    assert_eq!(created.version_arn.as_deref(), Some(&*version(1)));
    for states in 2..=count {
        let updated = fixture.engine.update_state_machine(update(&pass(states))).await.unwrap();
        assert_eq!(*updated.version_arn.unwrap(), *version(states as u64));
    }
    fixture
}

async fn listed(engine: &Engine) -> Vec<String> {
    let page = engine.list_versions(&tenant(), &machine_arn("m"), 100, None).await.unwrap();
    page.items.iter().map(|version| version.arn.to_string()).collect()
}

async fn start(fixture: &Fixture, arn: &str, name: &str) -> Result<Str, Error> {
    let request = StartExecution {
        tenant: tenant(),
        state_machine_arn: arn.into(),
        name: Some(name.into()),
        input: json("{}"),
        trace_header: None,
        test_case: None,
    };
    Ok(fixture.engine.start_execution(request).await?.arn)
}

#[track_caller]
fn kind<T: std::fmt::Debug>(answer: Result<T, Error>) -> ErrorKind {
    answer.unwrap_err().kind
}

#[tokio::test(start_paused = true)]
async fn a_revision_is_published_once_and_numbers_are_never_given_again() {
    let fixture = published(1).await;
    let engine = &fixture.engine;
    let first = engine.publish_version(publish(None)).await.unwrap();
    assert_eq!(*first.arn, *version(1), "it is published already");
    let unchanged = engine.update_state_machine(update(&pass(1))).await.unwrap();
    assert_eq!((unchanged.revision_id, unchanged.version_arn.as_deref()), (None, Some(&*version(1))));
    engine.update_state_machine(update(&pass(2))).await.unwrap();
    engine.delete_version(&tenant(), &version(2)).await.unwrap();
    engine.delete_version(&tenant(), &version(2)).await.unwrap();
    let fixture = fixture.restart().await;
    let engine = &fixture.engine;
    let third = engine.publish_version(publish(None)).await.unwrap();
    assert_eq!(*third.arn, *version(3));
    assert_eq!(listed(engine).await, [version(3), version(1)]);
    let described = engine.describe_state_machine(&tenant(), &version(3)).await.unwrap();
    assert_eq!(
        (&*described.arn, &*described.definition, described.description.as_deref(), described.created_at),
        (&*version(3), &*pass(2), Some("described"), third.created_at)
    );
    assert_eq!(
        kind(engine.describe_state_machine(&tenant(), &version(2)).await),
        ErrorKind::StateMachineDoesNotExist
    );
    // The name may be used again once the machine is gone, and its numbers begin again.
    engine.delete_state_machine(&tenant(), &machine_arn("m")).await.unwrap();
    assert_eq!(kind(engine.publish_version(publish(None)).await), ErrorKind::StateMachineDeleting);
    crate::support::eventually(async || {
        engine.describe_state_machine(&tenant(), &machine_arn("m")).await.err()
    })
    .await;
    assert!(listed(engine).await.is_empty());
    fixture.create("m", &pass(1)).await;
    assert_eq!(*engine.publish_version(publish(None)).await.unwrap().arn, *version(1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_believes_another_revision_to_be_current_is_told() {
    let fixture = published(1).await;
    let engine = &fixture.engine;
    let published: PublishedVersion = engine.publish_version(publish(Some("INITIAL"))).await.unwrap();
    assert_eq!(*published.arn, *version(1));
    let updated = engine.update_state_machine(update(&pass(2))).await.unwrap().revision_id.unwrap();
    let refused = engine.publish_version(publish(Some("INITIAL"))).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.message),
        (
            ErrorKind::Conflict,
            format!(
                "Failed to publish the State Machine version for revision INITIAL. The current State Machine revision is \
                 {updated}."
            )
        )
    );
    assert_eq!(*engine.publish_version(publish(Some(&updated))).await.unwrap().arn, *version(2));
}

#[tokio::test(start_paused = true)]
async fn creation_is_repeated_only_with_the_same_publication() {
    let fixture = published(1).await;
    let base = || CreateStateMachine { publish: true, ..Fixture::creation("m", &pass(1)) };
    let again = fixture.engine.create_state_machine(base()).await.unwrap();
    assert_eq!(again.version_arn.as_deref(), Some(&*version(1)));
    for other in [
        CreateStateMachine { publish: false, ..base() },
        CreateStateMachine { version_description: Some("other".into()), ..base() },
    ] {
        assert_eq!(
            kind(fixture.engine.create_state_machine(other).await),
            ErrorKind::StateMachineAlreadyExists
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_runs_its_revision_and_an_alias_draws_one_that_a_repeated_start_keeps() {
    let fixture = published(2).await;
    fixture
        .engine
        .update_state_machine(UpdateStateMachine { publish: false, ..update(&pass(3)) })
        .await
        .unwrap();
    fixture.engine.create_alias(alias(&[(&version(1), 50), (&version(2), 50)])).await.unwrap();
    let states = async |arn: &str| {
        fixture.closed(arn).await;
        (fixture.history(arn, false, 100).await.len() - 2) / 2
    };
    let latest = start(&fixture, &machine_arn("m"), "latest").await.unwrap();
    assert_eq!(states(&latest).await, 3);
    let first = start(&fixture, &version(1), "first").await.unwrap();
    assert_eq!(states(&first).await, 1);
    let mut drawn = [0; 3];
    for n in 0..60 {
        let arn = start(&fixture, &alias_arn(), &format!("drawn-{n}")).await.unwrap();
        let execution = fixture.closed(&arn).await;
        let number = states(&arn).await;
        drawn[number] += 1;
        assert_eq!(execution.version_arn.as_deref(), Some(&*version(number as u64)));
        assert_eq!(execution.alias_arn.as_deref(), Some(&*alias_arn()));
        assert_eq!(*execution.state_machine_arn, *machine_arn("m"));
    }
    assert!(drawn[0] == 0 && drawn[1] > 10 && drawn[2] > 10, "{drawn:?}");
    let started = fixture.history(&first, false, 1).await.remove(0).detail;
    let Detail::ExecutionStarted { alias_arn: None, version_arn: Some(arn), .. } = started else {
        panic!("{started:?}");
    };
    assert_eq!(*arn, *version(1));

    // Of versions and aliases only their own executions are listed.
    let count = async |arn: &str| {
        let (mut count, mut after) = (0, None);
        loop {
            let page =
                fixture.engine.list_executions(Fixture::listing_by(arn, None, 7, after)).await.unwrap();
            count += page.items.len();
            after = page.next;
            if after.is_none() {
                return count;
            }
        }
    };
    assert_eq!(count(&alias_arn()).await, 60);
    assert_eq!(count(&version(1)).await, drawn[1] + 1);
    assert_eq!(count(&machine_arn("m")).await, 62);
    assert_eq!(
        kind(fixture.engine.list_executions(Fixture::listing_by(&version(9), None, 7, None)).await),
        ErrorKind::StateMachineDoesNotExist
    );
}

#[tokio::test(start_paused = true)]
async fn a_repeated_start_keeps_the_version_that_was_drawn_first() {
    let fixture = Fixture::new().await;
    let wait = |seconds: u64| {
        format!(r#"{{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":{seconds},"End":true}}}}}}"#)
    };
    let creation = CreateStateMachine { publish: true, ..Fixture::creation("m", &wait(1_000)) };
    fixture.engine.create_state_machine(creation).await.unwrap();
    fixture.engine.update_state_machine(update(&wait(2_000))).await.unwrap();
    fixture.engine.create_alias(alias(&[(&version(1), 50), (&version(2), 50)])).await.unwrap();
    let arn = start(&fixture, &alias_arn(), "e").await.unwrap();
    let first = fixture.describe(&arn).await.version_arn;
    for _ in 0..20 {
        assert_eq!(start(&fixture, &alias_arn(), "e").await.unwrap(), arn);
    }
    let fixture = fixture.restart().await;
    assert_eq!(start(&fixture, &alias_arn(), "e").await.unwrap(), arn);
    assert_eq!(fixture.describe(&arn).await.version_arn, first);
}

#[tokio::test(start_paused = true)]
async fn aliases_are_made_changed_listed_and_keep_their_versions_from_deletion() {
    let fixture = published(3).await;
    let engine = &fixture.engine;
    let created = engine.create_alias(alias(&[(&version(1), 100)])).await.unwrap();
    assert_eq!(*created.arn, *alias_arn());
    assert_eq!(engine.create_alias(alias(&[(&version(1), 100)])).await.unwrap(), created, "repeated");
    for other in [
        alias(&[(&version(2), 100)]),
        CreateAlias { description: Some("other".into()), ..alias(&[(&version(1), 100)]) },
    ] {
        assert_eq!(kind(engine.create_alias(other).await), ErrorKind::Conflict);
    }
    let used = engine.delete_version(&tenant(), &version(1)).await.unwrap_err();
    assert_eq!(
        (used.kind, &*used.message),
        (
            ErrorKind::Conflict,
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: \
             [PROD]"
        )
    );
    let change = |description: Option<&str>, routing: Option<&[(&str, u8)]>| UpdateAlias {
        tenant: tenant(),
        arn: alias_arn().into(),
        description: description.map(Str::from),
        routing: routing.map(routes),
    };
    engine.update_alias(change(Some("new"), None)).await.unwrap();
    engine.update_alias(change(None, Some(&[(&version(2), 70), (&version(3), 30)]))).await.unwrap();
    engine.delete_version(&tenant(), &version(1)).await.unwrap();
    assert_eq!(
        kind(engine.update_alias(change(None, Some(&[(&version(1), 100)]))).await),
        ErrorKind::ResourceNotFound
    );
    let fixture = fixture.restart().await;
    let engine = &fixture.engine;
    let described = engine.describe_alias(&tenant(), &alias_arn()).await.unwrap();
    assert_eq!(
        (described.description.as_deref(), described.routing),
        (Some("new"), routes(&[(&version(2), 70), (&version(3), 30)]))
    );
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let second = CreateAlias { name: "second".into(), ..alias(&[(&version(3), 100)]) };
    engine.create_alias(second).await.unwrap();
    let names = async |arn: &str, limit: usize, after: Option<&str>| {
        let page = engine.list_aliases(&tenant(), arn, limit, after).await.unwrap();
        let names: Vec<_> =
            page.items.iter().filter_map(|alias| alias.arn.rsplit(':').next().map(str::to_owned)).collect();
        (names, page.next)
    };
    let (first, next) = names(&machine_arn("m"), 1, None).await;
    assert_eq!(first, ["PROD"]);
    assert_eq!(names(&machine_arn("m"), 1, next.as_deref()).await, (vec!["second".to_owned()], None));
    assert_eq!(names(&version(2), 9, None).await.0, ["PROD"]);
    engine.delete_alias(&tenant(), &alias_arn()).await.unwrap();
    for gone in [
        kind(engine.delete_alias(&tenant(), &alias_arn()).await),
        kind(engine.describe_alias(&tenant(), &alias_arn()).await),
        kind(engine.update_alias(change(Some("x"), None)).await),
    ] {
        assert_eq!(gone, ErrorKind::ResourceNotFound);
    }
    assert_eq!(kind(start(&fixture, &alias_arn(), "e").await), ErrorKind::StateMachineDoesNotExist);
}

#[tokio::test(start_paused = true)]
async fn bad_routes_are_refused_in_the_words_of_aws() {
    let fixture = published(2).await;
    fixture.create("n", &pass(1)).await;
    let (v1, v2) = (version(1), version(2));
    let foreign = format!("{}:1", machine_arn("n"));
    let machine = machine_arn("m");
    let refused = |what: &str, received: &str| format!("{what}. Received: [{received}]");
    for (routing, message) in [
        (
            vec![(&*machine, 70), (&*v2, 30)],
            refused(
                "Routing configuration must contain state machine version ARNs",
                &format!("{machine}, {v2}"),
            ),
        ),
        (
            vec![(&*v1, 50), (&*v1, 50)],
            refused(
                "Routing configuration must contain distinct state machine version ARNs",
                &format!("{v1}, {v1}"),
            ),
        ),
        (
            vec![(&*v1, 70), (&*v2, 29)],
            refused("Sum of routing configuration weights must equal 100", "70, 29"),
        ),
        (
            vec![(&*v1, 50), (&*foreign, 50)],
            refused(
                "Routing configuration must contain versions of the alias's own state machine",
                &format!("{v1}, {foreign}"),
            ),
        ),
    ] {
        let error = fixture.engine.create_alias(alias(&routing)).await.unwrap_err();
        assert_eq!((error.kind, error.message), (ErrorKind::InvalidRouting, message));
    }
    assert_eq!(
        kind(fixture.engine.create_alias(alias(&[(&version(7), 100)])).await),
        ErrorKind::ResourceNotFound
    );
}

#[tokio::test(start_paused = true)]
async fn there_are_only_so_many_machines_versions_and_aliases() {
    let limits = Limits { state_machines: 1, versions: 2, aliases: 1, ..Limits::default() };
    let fixture = Fixture::with(std::sync::Arc::new(MemoryStore::new(4)), limits, Options::default()).await;
    let engine = &fixture.engine;
    let creation = CreateStateMachine { publish: true, ..Fixture::creation("m", &pass(1)) };
    engine.create_state_machine(creation).await.unwrap();
    assert_eq!(
        kind(engine.create_state_machine(Fixture::creation("n", &pass(1))).await),
        ErrorKind::StateMachineLimitExceeded
    );
    engine.update_state_machine(update(&pass(2))).await.unwrap();
    assert_eq!(kind(engine.update_state_machine(update(&pass(3))).await), ErrorKind::ServiceQuotaExceeded);
    assert_eq!(
        *engine.describe_state_machine(&tenant(), &machine_arn("m")).await.unwrap().definition,
        *pass(2),
        "what was refused has changed nothing"
    );
    engine.delete_version(&tenant(), &version(1)).await.unwrap();
    engine.update_state_machine(update(&pass(3))).await.unwrap();
    engine.create_alias(alias(&[(&version(3), 100)])).await.unwrap();
    let second = CreateAlias { name: "second".into(), ..alias(&[(&version(3), 100)]) };
    assert_eq!(kind(engine.create_alias(second).await), ErrorKind::ServiceQuotaExceeded);
}

#[tokio::test]
async fn a_repeated_creation_tells_the_version_of_what_it_asks_for() {
    let fixture = published(1).await;
    let create = async |states: usize| {
        let creation = CreateStateMachine { publish: true, ..Fixture::creation("m", &pass(states)) };
        fixture.engine.create_state_machine(creation).await
    };
    assert_eq!(create(1).await.unwrap().version_arn.as_deref(), Some(&*version(1)));
    fixture.engine.update_state_machine(update(&pass(2))).await.unwrap();
    assert_eq!(create(2).await.unwrap().version_arn.as_deref(), Some(&*version(2)));
    assert_eq!(create(1).await.unwrap_err().kind, ErrorKind::StateMachineAlreadyExists);
    // The version that it asks for is gone, and a creation makes none of a machine that is there.
    fixture.engine.delete_version(&tenant(), &version(2)).await.unwrap();
    assert_eq!(create(2).await.unwrap_err().kind, ErrorKind::StateMachineAlreadyExists);
}

#[tokio::test]
async fn no_version_has_a_leading_zero() {
    let fixture = published(1).await;
    let zero = format!("{}:01", machine_arn("m"));
    let missing = |kind: ErrorKind| assert_eq!(kind, ErrorKind::StateMachineDoesNotExist);
    missing(fixture.engine.describe_state_machine(&tenant(), &zero).await.unwrap_err().kind);
    missing(start(&fixture, &zero, "e").await.unwrap_err().kind);
    missing(
        fixture.engine.list_executions(Fixture::listing_by(&zero, None, 9, None)).await.unwrap_err().kind,
    );
    let refused = fixture.engine.create_alias(alias(&[(&zero, 100)])).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ResourceNotFound);
    fixture.engine.delete_version(&tenant(), &zero).await.unwrap();
    assert_eq!(listed(&fixture.engine).await, [version(1)]);
}

#[tokio::test]
async fn anothers_versions_are_as_good_as_none() {
    let fixture = published(1).await;
    let stranger = Tenant { account: "111111111111".into(), region: "us-east-1".into() };
    fixture.engine.delete_version(&stranger, &version(1)).await.unwrap();
    let page = fixture.engine.list_versions(&stranger, &machine_arn("m"), 9, None).await.unwrap();
    assert!(page.items.is_empty());
    assert_eq!(listed(&fixture.engine).await, [version(1)]);
}

//! TestState: a call made for one state, and the HTTP exchange that comes back with it.

use std::sync::Arc;

use newel_engine::request::{TestState, TestedState};
use newel_engine::{Dispatch, Exchange, HttpTrace, Report, Settled, TaskEngine as _, Workflows as _};
use newel_machine::TestStatus;
use newel_value::Payload;

use crate::support::{Fixture, json, tenant};

fn exchange(url: &str) -> Exchange {
    Exchange::read(&json(&format!(r#"{{"request":{{"url":"{url}"}}}}"#))).unwrap()
}

/// Tests a task of a resource, the `n`th order of the fixture; `tell` says what became of it.
async fn tested(
    fixture: &Fixture,
    n: usize,
    resource: &str,
    trace: Option<HttpTrace>,
    tell: impl AsyncFnOnce(&Dispatch),
) -> TestedState {
    let definition = format!(r#"{{"Type":"Task","Resource":"arn:aws:states:::{resource}","End":true}}"#);
    let request = TestState {
        tenant: tenant(),
        definition: definition.into(),
        state_name: None,
        role_arn: Some("arn:aws:iam::000000000000:role/r".into()),
        input: Payload::parse("{}").unwrap(),
        variables: Default::default(),
        context: None,
        mock: None,
        retries: None,
        error_caused_by: None,
        failed_iterations: None,
        read_items: None,
        trace,
    };
    let engine = fixture.engine.clone();
    let asked = tokio::spawn(async move { engine.test_state(request).await });
    let order: Arc<Dispatch> = fixture.desk.order(n).await;
    tell(&order).await;
    asked.await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_exchange_is_told_if_it_was_asked_for_and_is_an_http_tasks() {
    let fixture = Fixture::new().await;
    let trace = HttpTrace { reveal_secrets: true };
    let engine = &fixture.engine;
    for (n, (resource, trace, expect)) in [
        ("http:invoke", Some(trace), Some(trace)),
        ("http:invoke", None, None),
        ("fam:job", Some(trace), None),
    ]
    .into_iter()
    .enumerate()
    {
        let told = tested(&fixture, n, resource, trace, async |order| {
            assert_eq!(order.trace, expect, "{resource}");
            engine.exchanged(&order.task, exchange("first"));
            engine.exchanged(&order.task, exchange("last"));
            let report = Report::Succeeded(json("[7]"));
            assert_eq!(engine.report(order.task.clone(), report).await.unwrap(), Settled::Durable);
            engine.exchanged(&order.task, exchange("late"));
        })
        .await;
        assert_eq!(told.told.output.unwrap().text(), "[7]");
        assert_eq!(told.exchange, expect.map(|_| exchange("last")), "{resource}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_has_its_exchange_and_a_call_may_have_none() {
    let fixture = Fixture::new().await;
    let engine = &fixture.engine;
    let trace = Some(HttpTrace { reveal_secrets: false });
    for (n, exchanged) in [Some(exchange("gone")), None].into_iter().enumerate() {
        let told = tested(&fixture, n, "http:invoke", trace, async |order| {
            if let Some(exchange) = exchanged.clone() {
                engine.exchanged(&order.task, exchange);
            }
            let report = Report::Failed { error: "States.Http.StatusCode.404".into(), cause: "".into() };
            engine.report(order.task.clone(), report).await.unwrap();
        })
        .await;
        assert_eq!(told.told.status, TestStatus::Failed);
        assert_eq!(told.exchange, exchanged);
    }
}

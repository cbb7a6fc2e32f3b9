//! Which test proves which cell of the table of integrations. The page shows it; here it is held against the table and
//! against the tests that there are.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use newel_integrations::matrix::rows;

const JOBS: &str = "crates/adapters/aws/tests/families/jobs.rs";
const CALLS: &str = "crates/adapters/aws/tests/families/calls.rs";
const MOTO: &str = "tests/e2e/test_families.py";
const PATTERNS: &str = "tests/e2e/test_patterns.py";
const HTTP: &str = "tests/e2e/test_http.py";
const NESTED: &str = "tests/e2e/test_nested.py";
const SDK: &str = "tests/e2e/test_sdk.py";

/// A test by its file and name.
type Test = (&'static str, &'static str);
/// What proves a service's patterns: request-response, `.sync`, `.waitForTaskToken`.
type Proofs = (&'static str, &'static [Test], &'static [Test], &'static [Test]);

const START: Test = (JOBS, "start_calls_are_those_of_the_service");
const WATCH: Test = (JOBS, "jobs_are_watched_through_throttles_to_their_ends");
const CANCEL: Test = (JOBS, "jobs_are_cancelled_where_the_service_has_a_call_for_it");
const LOST: Test = (JOBS, "a_lost_answer_is_made_up_for_as_the_service_allows");
const CALLBACKS: Test = (CALLS, "callbacks_go_on_when_their_message_is_sent");

#[rustfmt::skip]
const PROOFS: &[Proofs] = &[
    ("apigateway", &[(HTTP, "test_api_gateway")], &[], &[(HTTP, "test_api_gateway_with_a_token")]),
    ("athena", &[START, (MOTO, "test_a_query_runs_to_its_end")],
        &[WATCH, CANCEL, LOST, (JOBS, "several_queries_are_one_call"), (MOTO, "test_a_query_runs_to_its_end")], &[]),
    ("batch", &[(PATTERNS, "test_batch_request_response_gives_the_answer_and_does_not_wait")],
        &[("crates/adapters/batch/tests/contract.rs", "the_contract"), (PATTERNS, "test_batch_sync_gives_the_described_job"),
          (PATTERNS, "test_a_failed_batch_job_fails_the_task")], &[]),
    ("bedrock", &[(CALLS, "models_take_and_give_json")], &[WATCH, CANCEL, LOST], &[CALLBACKS]),
    ("bedrockagentcore", &[(CALLS, "an_agent_s_last_message_is_the_result")], &[], &[]),
    ("codebuild", &[START], &[WATCH, CANCEL, LOST, (MOTO, "test_a_build_runs_to_its_end")], &[]),
    ("databrew", &[START], &[WATCH, CANCEL, LOST], &[]),
    ("dynamodb", &[("crates/adapters/dynamodb/tests/contract.rs", "the_contract"), (PATTERNS, "test_dynamodb_items_come_and_go")],
        &[], &[]),
    ("ecs", &[(PATTERNS, "test_ecs_request_response")],
        &[("crates/adapters/ecs/tests/contract.rs", "the_contract"), (PATTERNS, "test_ecs_sync_gives_the_one_task"),
          (PATTERNS, "test_an_ecs_task_that_exits_with_an_error_fails")],
        &[(PATTERNS, "test_ecs_callback_ends_with_what_send_task_success_says")]),
    ("eks", &[START, (HTTP, "test_a_call_to_a_cluster")],
        &[WATCH, LOST, (MOTO, "test_a_kubernetes_cluster_comes_and_goes"), (HTTP, "test_a_job_of_a_cluster_is_watched_to_its_end"),
          (HTTP, "test_a_stopped_execution_deletes_its_job")],
        &[(HTTP, "test_a_token_comes_back_from_a_cluster")]),
    ("elasticmapreduce", &[(CALLS, "steps_and_clusters_have_parameters_of_step_functions_own"),
          (CALLS, "fleets_and_groups_are_found_by_name_before_they_are_changed")],
        &[WATCH, CANCEL, LOST, (MOTO, "test_a_cluster_is_made_used_and_terminated")], &[]),
    ("emr-containers", &[START, (MOTO, "test_a_run_on_a_kubernetes_cluster_is_cancelled_with_its_execution")],
        &[WATCH, CANCEL, LOST, (MOTO, "test_a_run_on_a_kubernetes_cluster_is_cancelled_with_its_execution")], &[]),
    ("emr-serverless", &[START, (MOTO, "test_a_serverless_application_from_creation_to_deletion")],
        &[WATCH, CANCEL, LOST, (MOTO, "test_a_serverless_application_from_creation_to_deletion")], &[]),
    ("events", &[(CALLS, "events_name_their_execution_and_fail_as_one"), (MOTO, "test_events_carry_their_execution")],
        &[], &[CALLBACKS]),
    ("glue", &[(PATTERNS, "test_glue_request_response_names_its_job")],
        &[("crates/adapters/glue/tests/contract.rs", "the_contract"), (PATTERNS, "test_glue_sync_gives_the_run"),
          (PATTERNS, "test_a_glue_run_that_does_not_succeed_fails_the_task")], &[]),
    ("http", &[(HTTP, "test_a_result_has_headers_body_and_status")], &[], &[]),
    ("lambda", &[(CALLS, "functions_take_and_give_json"), (MOTO, "test_a_function_is_invoked")], &[], &[CALLBACKS]),
    ("mediaconvert", &[START], &[WATCH, CANCEL, LOST], &[]),
    ("sagemaker", &[START], &[WATCH, CANCEL, LOST, (MOTO, "test_a_model_is_trained")], &[]),
    ("sns", &[(MOTO, "test_a_notification_is_published")], &[], &[CALLBACKS]),
    ("sqs", &[(MOTO, "test_a_message_arrives_with_its_json")], &[], &[CALLBACKS, (MOTO, "test_a_callback_through_a_queue")]),
    ("states", &[(NESTED, "test_a_call_goes_on_with_the_answer")],
        &[(NESTED, "test_a_job_goes_on_with_the_childs_description"), (NESTED, "test_a_childs_failure_is_the_tasks"),
          (NESTED, "test_a_watched_child_is_found_again_after_a_crash")],
        &[(NESTED, "test_a_token_goes_into_the_childs_input_and_comes_back")]),
    ("aws-sdk:*", &[(SDK, "test_a_service_answers"), (SDK, "test_errors_are_named_as_the_java_sdk_names_them")],
        &[("tests/e2e/test_waiters.py", "test_it_is_there_when_its_task_ends"),
          ("tests/e2e/test_waiters.py", "test_a_failure_tells_the_last_answer")], &[(SDK, "test_a_callback_goes_on_with_its_token")]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The proofs as Markdown, a test by the last part of its file's path and its name.
fn markdown() -> String {
    let listed = |tests: &[Test]| match tests {
        [] => "–".to_owned(),
        tests => {
            let named = |(file, test): &Test| {
                let short =
                    file.split('/').rev().find(|part| !matches!(*part, "contract.rs")).unwrap_or(file);
                let short = if short == "tests" { file.split('/').nth(2).unwrap_or(short) } else { short };
                format!(
                    "{}: {}",
                    short.trim_end_matches(".rs").trim_end_matches(".py"),
                    test.replace('_', " ")
                )
            };
            tests.iter().map(named).collect::<Vec<_>>().join("; ")
        }
    };
    let mut text =
        String::from("| proven by | request-response | `.sync` | `.waitForTaskToken` |\n|---|---|---|---|\n");
    for (service, calls, jobs, callbacks) in PROOFS {
        let _ =
            writeln!(text, "| `{service}` | {} | {} | {} |", listed(calls), listed(jobs), listed(callbacks));
    }
    text
}

#[test]
fn every_cell_has_its_proof_and_no_other_has() {
    let rows = rows();
    let services: Vec<&str> = rows.iter().map(|row| row.service).chain(["aws-sdk:*"]).collect();
    assert_eq!(PROOFS.iter().map(|proofs| proofs.0).collect::<Vec<_>>(), services);
    for (row, (service, calls, jobs, callbacks)) in rows.iter().zip(PROOFS) {
        assert!(!calls.is_empty(), "{service}");
        assert_eq!(row.jobs.is_empty(), jobs.is_empty(), "{service} .sync");
        assert_eq!(row.callbacks.is_empty(), callbacks.is_empty(), "{service} .waitForTaskToken");
    }
}

#[test]
fn every_proof_is_a_test() {
    for (service, calls, jobs, callbacks) in PROOFS {
        for (file, test) in [calls, jobs, callbacks].into_iter().copied().flatten() {
            let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
            let is_there = ["fn ", "def "].iter().any(|word| text.contains(&format!("{word}{test}(")));
            assert!(is_there, "{service}: {file} has no {test}");
        }
    }
}

/// The page has the table as it is. `NEWEL_BLESS=1` writes it there.
#[test]
fn the_page_shows_the_proofs() {
    let path = root().join("docs/integrations.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let begin = page.find("| proven by |").unwrap();
    let end = begin + page[begin..].find("\n\n").unwrap() + 1;
    if std::env::var_os("NEWEL_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, format!("{}{}{}", &page[..begin], markdown(), &page[end..])).unwrap();
        return;
    }
    assert_eq!(&page[begin..end], markdown(), "run this test with NEWEL_BLESS=1, and read what it wrote");
}

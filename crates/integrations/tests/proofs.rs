//! Which test proves which cell of the table of integrations. The page shows it; here it is held against the table and
//! against the tests that there are.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use newel_integrations::matrix::rows;

const JOBS: &str = "crates/adapters/aws/tests/families/jobs.rs";
const CALLS: &str = "crates/adapters/aws/tests/families/calls.rs";
const BATCH: &str = "crates/adapters/batch/tests/contract.rs";
const ECS: &str = "crates/adapters/ecs/tests/contract.rs";
const GLUE: &str = "crates/adapters/glue/tests/contract.rs";
const DYNAMODB: &str = "crates/adapters/dynamodb/tests/contract.rs";
const KUBERNETES: &str = "crates/adapters/http/tests/http/kubernetes.rs";
/// Through real processes, the requests as botocore reads them.
const LIFE_CYCLES: &str = "tests/e2e/test_life_cycles.py";
const REQUESTS: &str = "tests/e2e/test_calls.py";
/// Against moto, and ministack where that serves it too.
const EMULATORS: &str = "tests/e2e/test_families.py";
const MOTO: &str = "tests/e2e/test_moto.py";
const MINISTACK: &str = "tests/e2e/test_ministack.py";
const PATTERNS: &str = "tests/e2e/test_patterns.py";
const HTTP: &str = "tests/e2e/test_http.py";
const NESTED: &str = "tests/e2e/test_nested.py";
const SDK: &str = "tests/e2e/test_sdk.py";
const WAITERS: &str = "tests/e2e/test_waiters.py";

/// A test by its file and name.
type Test = (&'static str, &'static str);
/// The tests of a cell, in groups.
type Cell = &'static [&'static [Test]];
/// What proves a service's patterns: request-response, `.sync`, `.waitForTaskToken`.
type Proofs = (&'static str, Cell, Cell, Cell);

/// What a call asks of its service, as botocore reads it, what its state makes of the answer, and how a refusal is named.
const ACTION: &[Test] =
    &[(REQUESTS, "test_an_action"), (REQUESTS, "test_a_refusal_is_named_for_its_service")];
const CALLBACK: &[Test] = &[(REQUESTS, "test_a_callback")];
/// Success, throttled polling, failure, cancel, a lost start answer, and workers that are killed in the middle.
const LIFE_CYCLE: &[Test] = &[
    (LIFE_CYCLES, "test_a_job_succeeds_through_throttles"),
    (LIFE_CYCLES, "test_a_job_fails_with_its_description_as_the_cause"),
    (LIFE_CYCLES, "test_a_stopped_execution_stops_its_job"),
    (LIFE_CYCLES, "test_a_lost_start_answer"),
    (LIFE_CYCLES, "test_a_job_is_watched_on_by_a_new_worker"),
    (LIFE_CYCLES, "test_a_new_worker_stops_a_job_whose_execution_was_stopped_meanwhile"),
    (LIFE_CYCLES, "test_a_worker_dies_while_it_starts_a_job"),
];
/// The verdict on every end that a job may have, for services that are called by their models.
const ENDS: Test = (JOBS, "jobs_are_watched_through_throttles_to_their_ends");
/// The groups that the page names by one word.
const NAMED: [(&[Test], &str); 3] =
    [(ACTION, "*action*"), (CALLBACK, "*callback*"), (LIFE_CYCLE, "*life cycle*")];
const COALESCED: Test = (LIFE_CYCLES, "test_polling_is_coalesced");
const LISTED: Test = (LIFE_CYCLES, "test_jobs_of_one_scope_are_looked_at_together");
/// For services that are called by their models.
const SEVERAL: Test = (
    "crates/adapters/aws/tests/families/several.rs",
    "several_jobs_are_one_call_and_one_more_for_each_that_it_tells_too_little_of",
);

#[rustfmt::skip]
const PROOFS: &[Proofs] = &[
    ("apigateway", &[&[(HTTP, "test_api_gateway"), (MINISTACK, "test_an_api_is_called")]], &[],
        &[&[(HTTP, "test_api_gateway_with_a_token")]]),
    ("athena", &[ACTION, &[(EMULATORS, "test_a_query_runs_to_its_end")]],
        &[LIFE_CYCLE, &[ENDS, COALESCED, (EMULATORS, "test_a_query_runs_to_its_end"),
            (MINISTACK, "test_a_query_fails_whose_results_have_no_place")]], &[]),
    ("batch", &[ACTION, &[(PATTERNS, "test_batch_request_response_gives_the_answer_and_does_not_wait")]],
        &[LIFE_CYCLE, &[COALESCED, (BATCH, "the_contract"), (MOTO, "test_all_four_families_in_five_processes"),
            (MOTO, "test_a_job_that_really_fails"), (MOTO, "test_a_job_that_is_really_stopped")]], &[]),
    ("bedrock", &[ACTION, &[(MINISTACK, "test_a_model_answers")]],
        &[LIFE_CYCLE, &[ENDS, (MINISTACK, "test_a_customization_is_stopped_with_its_execution")]], &[CALLBACK]),
    ("bedrockagentcore", &[ACTION, &[(CALLS, "what_goes_wrong_in_the_stream_fails_the_task")]], &[], &[]),
    ("codebuild", &[ACTION, &[(EMULATORS, "test_a_build_runs_to_its_end"), (MINISTACK, "test_a_build_is_stopped_and_deleted")]],
        &[LIFE_CYCLE, &[ENDS, COALESCED, (EMULATORS, "test_a_build_runs_to_its_end")]], &[]),
    ("databrew", &[ACTION], &[LIFE_CYCLE, &[ENDS, SEVERAL]], &[]),
    ("dynamodb", &[ACTION, &[(EMULATORS, "test_items_come_and_go"), (DYNAMODB, "the_contract")]], &[], &[]),
    ("ecs", &[ACTION, &[(PATTERNS, "test_ecs_failures_fail_a_sync_task_only")]],
        &[LIFE_CYCLE, &[COALESCED, (ECS, "the_contract"), (MOTO, "test_all_four_families_in_five_processes"),
            (PATTERNS, "test_an_ecs_task_that_exits_with_an_error_fails")]],
        &[CALLBACK, &[(PATTERNS, "test_ecs_callback_ends_with_what_send_task_success_says")]]),
    ("eks", &[ACTION, &[(HTTP, "test_a_call_to_a_cluster")]],
        &[LIFE_CYCLE, &[ENDS, (EMULATORS, "test_a_kubernetes_cluster_comes_and_goes"), (KUBERNETES, "the_contract_is_kept"),
            (HTTP, "test_a_job_of_a_cluster_is_watched_to_its_end"), (HTTP, "test_a_stopped_execution_deletes_its_job"),
            (HTTP, "test_a_busy_cluster_only_takes_longer"), (HTTP, "test_a_job_whose_start_has_no_answer_is_found"),
            (HTTP, "test_a_job_is_watched_on_after_a_crash")]],
        &[&[(HTTP, "test_a_token_comes_back_from_a_cluster")]]),
    ("elasticmapreduce", &[ACTION, &[(EMULATORS, "test_a_cluster_is_made_used_and_terminated"),
            (MINISTACK, "test_a_cluster_is_changed_and_guarded")]],
        &[LIFE_CYCLE, &[ENDS, COALESCED, (EMULATORS, "test_a_cluster_is_made_used_and_terminated"),
            (MINISTACK, "test_a_step_runs_to_its_end")]], &[]),
    ("emr-containers", &[ACTION, &[(EMULATORS, "test_a_run_on_a_kubernetes_cluster_is_cancelled_with_its_execution")]],
        &[LIFE_CYCLE, &[ENDS, LISTED, (EMULATORS, "test_a_run_on_a_kubernetes_cluster_is_cancelled_with_its_execution")]], &[]),
    ("emr-serverless", &[ACTION, &[(EMULATORS, "test_a_serverless_application_from_creation_to_deletion")]],
        &[LIFE_CYCLE, &[ENDS, LISTED, (EMULATORS, "test_a_serverless_application_from_creation_to_deletion")]], &[]),
    ("events", &[ACTION, &[(EMULATORS, "test_events_carry_their_execution"), (EMULATORS, "test_a_refused_event_fails_the_task")]],
        &[], &[CALLBACK]),
    ("glue", &[ACTION, &[(PATTERNS, "test_glue_request_response_names_its_job")]],
        &[LIFE_CYCLE, &[LISTED, (GLUE, "the_contract"),
            (MOTO, "test_all_four_families_in_five_processes")]], &[]),
    ("http", &[&[(HTTP, "test_a_result_has_headers_body_and_status")]], &[], &[]),
    ("lambda", &[ACTION, &[(EMULATORS, "test_a_function_is_invoked"), (MINISTACK, "test_a_function_runs"),
            (MINISTACK, "test_what_a_function_throws_can_be_caught"), (MINISTACK, "test_a_function_that_takes_too_long"),
            (MINISTACK, "test_a_function_that_is_not_there")]],
        &[], &[CALLBACK, &[(MINISTACK, "test_a_function_answers_with_its_token")]]),
    ("mediaconvert", &[ACTION], &[LIFE_CYCLE, &[ENDS, LISTED]], &[]),
    ("sagemaker", &[ACTION], &[LIFE_CYCLE, &[ENDS, (EMULATORS, "test_a_model_is_trained")]], &[]),
    ("sns", &[ACTION, &[(EMULATORS, "test_a_notification_is_published")]], &[], &[CALLBACK]),
    ("sqs", &[ACTION, &[(EMULATORS, "test_a_message_arrives_with_its_json"), (EMULATORS, "test_a_queue_that_is_not_there")]],
        &[], &[CALLBACK, &[(EMULATORS, "test_a_callback_through_a_queue")]]),
    ("states", &[&[(NESTED, "test_a_call_goes_on_with_the_answer")]],
        &[&[(NESTED, "test_a_job_goes_on_with_the_childs_description"), (NESTED, "test_a_childs_failure_is_the_tasks"),
            (NESTED, "test_a_child_that_is_waited_for_stops_with_its_parent"),
            (NESTED, "test_a_watched_child_is_found_again_after_a_crash")]],
        &[&[(NESTED, "test_a_token_goes_into_the_childs_input_and_comes_back")]]),
    ("aws-sdk:*", &[&[(SDK, "test_a_service_answers"), (SDK, "test_errors_are_named_as_the_java_sdk_names_them")]],
        &[&[(WAITERS, "test_it_is_there_when_its_task_ends"), (WAITERS, "test_a_failure_tells_the_last_answer"),
            (WAITERS, "test_throttles_and_internal_errors_are_overcome"), (WAITERS, "test_a_stopped_execution_asks_no_more"),
            (WAITERS, "test_a_first_call_without_an_answer_is_not_made_again"), (WAITERS, "test_it_is_asked_on_after_a_crash")]],
        &[&[(SDK, "test_a_callback_goes_on_with_its_token")]]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A test by the last part of its file's path and its name.
fn shown((file, test): &Test) -> String {
    let short = file.split('/').rev().find(|part| !matches!(*part, "contract.rs")).unwrap_or(file);
    let short = if short == "tests" { file.split('/').nth(2).unwrap_or(short) } else { short };
    format!("{}: {}", short.trim_end_matches(".rs").trim_end_matches(".py"), test.replace('_', " "))
}

fn listed(cell: Cell) -> String {
    let group = |tests: &&[Test]| {
        let named = NAMED.iter().find(|(group, _)| group == tests);
        named.map_or_else(
            || tests.iter().map(shown).collect::<Vec<_>>().join("; "),
            |(_, name)| (*name).to_owned(),
        )
    };
    match cell {
        [] => "–".to_owned(),
        cell => cell.iter().map(group).collect::<Vec<_>>().join("; "),
    }
}

/// The proofs as Markdown.
fn markdown() -> String {
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
        for (file, test) in [calls, jobs, callbacks].into_iter().copied().flatten().copied().flatten() {
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

"""Every resource with a job of AWS's, through real processes over HTTP: how its job succeeds, fails and is stopped, what
becomes of a start call whose answer is lost, and that workers that are killed in the middle take up what they did. The
services are `support.scripted_aws`, which reads requests as botocore does.

All jobs of a chapter are under way at the same time, so that it takes little longer than one of them would.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from e2e.kinds import KINDS
from e2e.kinds.data import GLUE_TOGETHER
from e2e.kinds.emr import ON_EKS_TOGETHER, SERVERLESS_TOGETHER
from e2e.kinds.models import MEDIACONVERT
from support.executions import closed, events_of, flaws, history, machine, seen, single, start, task
from support.life_cycles import THROTTLED, Kind, Life, LifeCycles, filled, marks_of, without_marker
from support.newel import Services, binary
from support.scripted_aws import ScriptedAws
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

WORKER = {
    "worker": {"report_repeat_seconds": 2, "listing_lag_seconds": 1},
    "worker.poll": {"young_millis": 300, "calls_per_second": 200, "burst": 200},
}
ORCHESTRATOR = {"dispatch": {"reconnect_grace_millis": 1_000}}
FAMILIES = ("batch", "ecs", "glue", "athena", "bedrock", "codebuild", "databrew", "eks", "emr", "mediaconvert", "sagemaker")
STARTERS = 8
PREFIXES = {"databrew": "DataBrew", "eks": "EKS", "emr": "ElasticMapReduce", "emr-containers": "EMRContainers"}
"""Of the errors of those services that can't be asked what a start call without an answer did."""

ELSEWHERE = {"eks:runJob", "states:startExecution"}
"""Jobs of a cluster and of Newel itself: test_http.py and test_nested.py."""
FAILING = [kind for kind in KINDS if kind.fails]
COALESCED = [kind for kind in KINDS if kind.several and not kind.shared]
LISTED = [GLUE_TOGETHER, ON_EKS_TOGETHER, SERVERLESS_TOGETHER, MEDIACONVERT]
"""Of services that have no call for several jobs by their ids, but one for all jobs of a scope."""


def named(kinds: list[Kind]):
    return pytest.mark.parametrize("kind", kinds, ids=[kind.resource for kind in kinds])


@pytest.fixture(scope="module")
def cycles():
    return LifeCycles()


@pytest.fixture(scope="module")
def aws(cycles):
    with ScriptedAws(cycles, {kind.service for kind in KINDS}) as aws:
        yield aws


@pytest.fixture(scope="module")
def newel(aws, tmp_path_factory):
    directory = tmp_path_factory.mktemp("newel-life-cycles")
    with Services(directory, aws.url, FAMILIES, orchestrator=ORCHESTRATOR, worker=WORKER) as newel:
        yield newel


@pytest.fixture(scope="module")
def sfn(newel):
    return newel.client()


def begin(sfn, lives: list[Life]) -> list[tuple[Life, str]]:
    """Starts an execution for each life."""

    def one(life: Life) -> tuple[Life, str]:
        definition = single(task(f"{life.kind.resource}.sync", life.parameters))
        return life, start(sfn, machine(sfn, definition))

    with ThreadPoolExecutor(STARTERS) as pool:
        return list(pool.map(one, lives))


def by_kind(begun: list[tuple[Life, str]]) -> dict[str, tuple[Life, str]]:
    return {life.kind.resource: (life, execution) for life, execution in begun}


def starts_of(aws, life: Life) -> list[dict]:
    """What botocore reads of a life's start calls, without tokens and markers; tokens are the same in all."""
    calls = [dict(call.parameters) for call in aws.of(life.kind.start[0], life.mark)]
    if life.kind.token:
        tokens = {call.pop(life.kind.token) for call in calls}
        assert len(tokens) == 1 and tokens != {None}
    return [without_marker(call, life.kind.marker) for call in calls] if life.kind.marker else calls


def check_calls(aws, life: Life) -> None:
    """Its calls are its kind's, and say what they are to say."""
    kind = life.kind
    known = {call[0] for call in (kind.start, kind.describe, kind.several, kind.find, kind.stop) if call}
    assert {call.operation for call in list(aws.calls) if life.mark in call.text} <= known
    expected = filled(kind.start[1], life.mark)
    assert all(call == expected for call in starts_of(aws, life))
    looks = [call for call in aws.of(kind.describe[0], life.mark) if len(marks_of(call)) == 1]
    assert all(call.parameters == filled(kind.describe[1], life.mark) for call in looks)
    if kind.find:
        found = aws.of(kind.find[0], life.mark)
        assert all(call.parameters == filled(kind.find[1], life.mark) for call in found)
    assert aws.flaws_of(kind.service) == []


def check_succeeded(sfn, life: Life, execution: str) -> None:
    described = closed(sfn, execution)
    assert described["status"] == "SUCCEEDED", described
    assert described["result"] == life.result()


def test_every_job_has_its_kind():
    printed = subprocess.run([binary(), "integrations", "--json"], capture_output=True, check=True, text=True).stdout
    lines = [line for line in json.loads(printed)["integrations"] if ".sync" in line["patterns"]]
    known = {line["resource"].removeprefix("arn:aws:states:::") for line in lines}
    known = {resource for resource in known if not resource.startswith("aws-sdk:")}
    assert {kind.resource for kind in KINDS} == known - ELSEWHERE


# --- the ways that a job may go


@pytest.fixture(scope="module")
def succeeding(sfn, cycles):
    looks = {kind.resource: (kind.running[0], THROTTLED, THROTTLED, THROTTLED, THROTTLED, kind.running[1]) for kind in KINDS}
    return by_kind(begin(sfn, [cycles.tell(kind, *looks[kind.resource], let_go=True) for kind in KINDS]))


@pytest.fixture(scope="module")
def failing(sfn, cycles):
    return by_kind(begin(sfn, [cycles.tell(kind, end=kind.fails, let_go=True) for kind in FAILING]))


@pytest.fixture(scope="module")
def endless(sfn, cycles):
    return by_kind(begin(sfn, [cycles.tell(kind) for kind in KINDS]))


@pytest.fixture(scope="module")
def lost(sfn, cycles):
    return by_kind(begin(sfn, [cycles.tell(kind, lose=1, let_go=True) for kind in KINDS]))


@named(KINDS)
def test_a_job_succeeds_through_throttles(sfn, aws, succeeding, failing, endless, lost, kind):
    life, execution = succeeding[kind.resource]
    check_succeeded(sfn, life, execution)
    submitted = json.loads(seen(sfn, execution, "TaskSubmitted")["output"])
    assert submitted.pop("SdkHttpMetadata")["HttpStatusCode"] in (200, 201, 202)
    assert submitted.pop("SdkResponseMetadata") == {"RequestId": "scripted"}
    assert submitted == filled(kind.submitted, life.mark)
    assert life.starts == 1
    check_calls(aws, life)
    assert flaws(history(sfn, execution)) == []


@named(FAILING)
def test_a_job_fails_with_its_description_as_the_cause(sfn, aws, failing, kind):
    life, execution = failing[kind.resource]
    described = closed(sfn, execution)
    assert (described["status"], described["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(described["cause"]) == life.result()
    [failed] = events_of(sfn, execution, "TaskFailed")
    assert failed["cause"] == described["cause"]
    check_calls(aws, life)


@named(KINDS)
def test_a_stopped_execution_stops_its_job(sfn, aws, endless, kind):
    life, execution = endless[kind.resource]
    seen(sfn, execution, "TaskSubmitted")
    sfn.stop_execution(executionArn=execution)
    check_stopped(sfn, aws, life, execution)


def check_stopped(sfn, aws, life: Life, execution: str) -> None:
    """The execution is over, and its job was stopped if its service has a call for that."""
    kind = life.kind
    assert closed(sfn, execution)["status"] == "ABORTED"
    if kind.stop:
        wait_until(lambda: life.stops, f"{kind.stop[0]} of {life.mark}")
        assert [call.parameters for call in aws.of(kind.stop[0], life.mark)] == [filled(kind.stop[1], life.mark)]
    check_calls(aws, life)


def check_found_again(sfn, aws, life: Life, execution: str) -> None:
    """After a start call without an answer: the job goes on if the service has a way to find it, and never is a second one."""
    if life.kind.can_be_found:
        check_succeeded(sfn, life, execution)
        assert life.jobs == 1 or life.kind.again
    else:
        described = closed(sfn, execution)
        error = f"{PREFIXES[life.kind.service]}.SdkClientException"
        assert (described["status"], described["error"]) == ("FAILED", error), described
        assert life.starts == 1
    check_calls(aws, life)


@named(KINDS)
def test_a_lost_start_answer(sfn, aws, lost, kind):
    check_found_again(sfn, aws, *lost[kind.resource])


# --- several at a time


@named(COALESCED)
def test_polling_is_coalesced(sfn, aws, cycles, kind):
    begun = begin(sfn, [cycles.tell(kind) for _ in range(8)])
    operation = kind.several[0]

    def all_in_one():
        return any(all(life.mark in call.text for life, _ in begun) for call in aws.of(operation))

    wait_until(all_in_one, f"all in one {operation}")
    for life, _ in begun:
        life.let_go.set()
    for life, execution in begun:
        check_succeeded(sfn, life, execution)
        check_calls(aws, life)


@named(LISTED)
def test_jobs_of_one_scope_are_looked_at_together(sfn, aws, cycles, kind):
    listing, single = kind.several[0], kind.describe[0]
    begun = begin(sfn, [cycles.tell(kind) for _ in range(8)])
    for _, execution in begun:
        seen(sfn, execution, "TaskSubmitted")

    def counted() -> tuple[int, int]:
        singly = sum(len(aws.of(single, life.mark)) for life, _ in begun)
        return len(aws.of(listing, kind.shared)), singly

    listed, singly = counted()
    wait_until(lambda: counted()[0] >= listed + 3, f"three looks by {listing}")
    assert counted()[1] == singly
    for life, _ in begun:
        life.let_go.set()
    for life, execution in begun:
        check_succeeded(sfn, life, execution)
        check_calls(aws, life)


# --- kill -9 of every worker


class Restarted(NamedTuple):
    """What was going on, by resource."""

    running: dict[str, tuple[Life, str]]
    stopped: dict[str, tuple[Life, str]]
    starting: dict[str, tuple[Life, str]]


@pytest.fixture(scope="module")
def restarted(newel, sfn, cycles):
    """Jobs that run, jobs whose executions are stopped meanwhile, and start calls that have no answer yet, while all workers
    are killed and started again."""
    running = begin(sfn, [cycles.tell(kind) for kind in KINDS])
    stopped = begin(sfn, [cycles.tell(kind) for kind in KINDS])
    starting = begin(sfn, [cycles.tell(kind, hold=True, let_go=True) for kind in KINDS])
    for _, execution in running + stopped:
        seen(sfn, execution, "TaskSubmitted")
    for life, _ in starting:
        assert life.arrived.wait(30), life.kind.resource
    for worker in newel.workers.values():
        worker.kill()
    for _, execution in stopped:
        sfn.stop_execution(executionArn=execution)
    for life, _ in running:
        life.let_go.set()
    for life, _ in starting:
        life.held.set()
    for worker in newel.workers.values():
        worker.start()
    return Restarted(by_kind(running), by_kind(stopped), by_kind(starting))


@named(KINDS)
def test_a_job_is_watched_on_by_a_new_worker(sfn, aws, restarted, kind):
    life, execution = restarted.running[kind.resource]
    check_succeeded(sfn, life, execution)
    assert life.starts == 1
    check_calls(aws, life)
    assert flaws(history(sfn, execution)) == []


@named(KINDS)
def test_a_new_worker_stops_a_job_whose_execution_was_stopped_meanwhile(sfn, aws, restarted, kind):
    check_stopped(sfn, aws, *restarted.stopped[kind.resource])


@named(KINDS)
def test_a_worker_dies_while_it_starts_a_job(sfn, aws, restarted, kind):
    check_found_again(sfn, aws, *restarted.starting[kind.resource])

"""boto3 drives the fake's Glue."""

from support.refusals import refused


def start(glue, name="etl", **more):
    return glue.start_job_run(JobName=name, **more)["JobRunId"]


def run(glue, run_id, name="etl"):
    return glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]


def test_a_run_leads_its_usual_life(aws_fake, glue):
    aws_fake.freeze()
    run_id = start(glue, Arguments={"--in": "x"}, Timeout=5, WorkerType="G.2X", NumberOfWorkers=3)
    seen = []
    for _ in range(12):
        state = run(glue, run_id)["JobRunState"]
        seen += [] if seen[-1:] == [state] else [state]
        aws_fake.advance(0.1)
    assert seen == ["STARTING", "RUNNING", "SUCCEEDED"]
    ended = run(glue, run_id)
    assert (ended["Id"], ended["JobName"], ended["Attempt"]) == (run_id, "etl", 0)
    assert ended["Arguments"] == {"--in": "x"}
    assert (ended["Timeout"], ended["WorkerType"], ended["NumberOfWorkers"]) == (5, "G.2X", 3)
    assert ended["StartedOn"] < ended["CompletedOn"]


def test_a_script_makes_a_run_fail_as_told(aws_fake, glue):
    aws_fake.freeze()
    for state in ("FAILED", "TIMEOUT", "ERROR"):
        steps = [{"status": "RUNNING"}, {"status": state, "after": 3, "with": {"ErrorMessage": f"why {state}"}}]
        aws_fake.script({"match": {"service": "glue", "name": "etl"}, "times": 1, "steps": steps})
    runs = [start(glue) for _ in range(4)]
    aws_fake.advance(3)
    ended = [run(glue, run_id) for run_id in runs]
    assert [r["JobRunState"] for r in ended] == ["FAILED", "TIMEOUT", "ERROR", "SUCCEEDED"]
    assert [r.get("ErrorMessage") for r in ended] == ["why FAILED", "why TIMEOUT", "why ERROR", None]
    assert ended[0]["ExecutionTime"] == 3


def test_a_run_can_be_repeated(glue):
    first = start(glue)
    second = start(glue, JobRunId=first)
    repeated = run(glue, second)
    assert (repeated["Attempt"], repeated["PreviousRunId"]) == (1, first)
    with refused("EntityNotFoundException", 400):
        start(glue, JobRunId="jr_unknown")


def test_runs_are_listed_newest_first(aws_fake, glue):
    runs = [start(glue) for _ in range(5)]
    start(glue, "other")
    pages = glue.get_paginator("get_job_runs").paginate(JobName="etl", PaginationConfig={"PageSize": 2})
    listed = [[r["Id"] for r in page["JobRuns"]] for page in pages]
    assert listed == [runs[:2:-1], runs[2:0:-1], runs[:1]]
    aws_fake.freeze()
    aws_fake.control("PUT", "listing-lag", {"seconds": 60})
    assert glue.get_job_runs(JobName="etl")["JobRuns"] == []
    with refused("InvalidInputException"):
        glue.get_job_runs(JobName="etl", NextToken="nonsense")


def test_runs_are_stopped_in_batches(aws_fake, glue):
    aws_fake.freeze()
    done = start(glue)
    aws_fake.advance(60)
    running = start(glue)
    answer = glue.batch_stop_job_run(JobName="etl", JobRunIds=[running, done, "jr_unknown"])
    assert answer["SuccessfulSubmissions"] == [{"JobName": "etl", "JobRunId": running}]
    errors = {error["JobRunId"]: error["ErrorDetail"]["ErrorCode"] for error in answer["Errors"]}
    assert errors == {done: "InvalidInputException", "jr_unknown": "EntityNotFoundException"}
    assert run(glue, running)["JobRunState"] == "STOPPING"
    aws_fake.advance(1)
    assert run(glue, running)["JobRunState"] == "STOPPED"
    assert run(glue, done)["JobRunState"] == "SUCCEEDED"
    with refused("InvalidInputException"):
        glue.batch_stop_job_run(JobName="etl", JobRunIds=["jr_x"] * 26)


def test_too_many_concurrent_runs(aws_fake, glue):
    code, message = "ConcurrentRunsExceededException", "Concurrent runs exceeded for etl"
    aws_fake.fault(
        {
            "match": {"service": "glue", "operation": "StartJobRun", "name": "etl"},
            "kind": "error",
            "code": code,
            "message": message,
            "times": 1,
        }
    )
    with refused(code, 400) as error:
        start(glue)
    assert error.value.response["Error"]["Message"] == message
    assert start(glue).startswith("jr_")


def test_runs_belong_to_their_job(glue):
    run_id = start(glue)
    with refused("EntityNotFoundException", 400):
        run(glue, run_id, "other")
    with refused("EntityNotFoundException", 400):
        run(glue, "jr_unknown")

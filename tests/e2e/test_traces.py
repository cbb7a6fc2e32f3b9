"""One trace an execution: from its states through gRPC to the worker and the worker's calls to AWS."""

from support.executions import closed, machine, single, start, task
from support.newel import Services
from support.otlp import Receiver
from support.waiting import wait_until

JOB = {"JobName": "traced", "JobQueue": "fast", "JobDefinition": "etl"}


def test_a_trace_follows_an_execution_to_the_calls_of_its_worker(aws_fake, tmp_path):
    with Receiver() as receiver:
        telemetry = {"telemetry": {"otlp_endpoint": receiver.url}}
        brisk = {"worker.poll": {"young_millis": 300}, **telemetry}
        with Services(tmp_path, aws_fake.url, families=("batch",), orchestrator=telemetry, worker=brisk) as services:
            sfn = services.client()
            arn = start(sfn, machine(sfn, single(task("batch:submitJob.sync", JOB), "Run it")))
            assert closed(sfn, arn)["status"] == "SUCCEEDED"

            def complete():
                of_state = [span for span in receiver.spans if "Run it" in span.name]
                trace = of_state[0].trace_id if of_state else None
                spans = [span for span in receiver.spans if span.trace_id == trace]
                return spans if len({span.service for span in spans}) == 2 else None

            spans = wait_until(complete, "spans of the orchestrator and the worker in one trace", seconds=60)

    by_id = {span.span_id: span for span in spans}
    calls = [span for span in spans if span.name == "aws.call"]
    assert calls, f"no span of the call to Batch among {sorted(span.name for span in spans)}"
    assert {span.service for span in calls} == {"newel-worker-batch"}
    roots = [span for span in spans if not span.parent_id]
    assert len(roots) == 1, f"one span is the execution's own, not {roots}"
    for span in spans:
        assert not span.parent_id or span.parent_id in by_id, f"{span} hangs in the air"

"""The checker finds what it is there for."""

import datetime

import pytest
from crash.checker import Verdict, check_execution, check_jobs
from crash.definitions import KINDS, data
from crash.load import Started
from support.executions import flaws

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
TYPES = ("ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded")


def events(*types: str, **changes) -> list[dict]:
    """A sound history of these types; `changes` replace members of the second event."""
    made = [
        {"id": n + 1, "previousEventId": n, "type": event_type, "timestamp": START + datetime.timedelta(seconds=n)}
        for n, event_type in enumerate(types)
    ]
    made[1].update(changes)
    return made


def test_a_sound_history_has_no_flaws():
    assert flaws(events(*TYPES)) == []


@pytest.mark.parametrize(
    "broken",
    [
        events(*TYPES, id=7),
        events(*TYPES, previousEventId=2),
        events(*TYPES, timestamp=START - datetime.timedelta(seconds=1)),
        events(*TYPES[1:]),
        events(*TYPES[:-1]),
        events(*TYPES, "ExecutionFailed"),
        events("ExecutionStarted", *TYPES),
        events(*TYPES)[::-1],
    ],
)
def test_a_broken_history_has(broken):
    assert flaws(broken)


def judged(described: dict) -> Verdict:
    verdict = Verdict()
    one = Started("arn", "one", "map", [1])
    check_execution(verdict, one, described, events(*TYPES))
    return verdict


@pytest.mark.parametrize(
    "described, is_wrong",
    [
        ({"status": "SUCCEEDED", "output": "[1]"}, False),
        ({"status": "SUCCEEDED", "output": "[2]"}, True),
        ({"status": "FAILED", "error": "Glue.SdkClientException"}, False),
        ({"status": "FAILED", "error": "States.TaskFailed"}, True),
        ({"status": "TIMED_OUT", "error": "States.Timeout"}, True),
        ({"status": "RUNNING"}, True),
    ],
)
def test_an_end_is_the_known_one_or_the_permitted_one(described, is_wrong):
    assert bool(judged(described).wrong) == is_wrong


class Books:
    """A fake that was asked to start these Batch jobs."""

    def __init__(self, *jobs: tuple[str, str | None]):
        self._jobs = jobs

    def jobs(self) -> list[dict]:
        return [
            {"service": "batch", "name": name, "tags": {"newel:attempt": mark} if mark else {}} for name, mark in self._jobs
        ]


@pytest.mark.parametrize(
    "jobs, is_wrong",
    [
        ([("one-work-0", "a"), ("one-work-1", "b")], False),
        ([("one-work-0", "a"), ("one-work-0", "b")], True),
        ([("one-work-0", "a"), ("one-map0-0", "a")], True),
        ([("one-work-0", None)], True),
        ([("two-work-0", "a")], True),
    ],
)
def test_an_attempt_has_one_job_at_most(jobs, is_wrong):
    verdict = Verdict()
    check_jobs(verdict, Books(*jobs), {"one"})
    assert bool(verdict.wrong) == is_wrong
    assert verdict.jobs["Batch"] == len(jobs)


def test_outputs_are_known_beforehand():
    assert KINDS["map"].output("x", 3) == [{"sum": item + 1, "status": "SUCCEEDED"} for item in (3, 4, 5)]
    assert KINDS["callback"].output("x", 3) == {**data(3), "callback": {"answer": "x"}}
    assert [KINDS["batch"].output("x", n)["side"] for n in (7, 8, 14)] == ["low", "high", "low"]

"""What must hold after the last kill: every acknowledged execution closed as it should be, histories dense and ordered,
at most one job an attempt."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from crash.load import Started, environment_of
from support.aws_fake import AwsFake
from support.clients import client
from support.executions import flaws, history

READERS = 4
PERMITTED = {f"{prefix}.SdkClientException": prefix for prefix in ("Batch", "Glue", "ECS", "DynamoDB")}
MARKED = ("Batch", "Glue")
"""Services whose submissions carry a marker, so that an unknown one can be found."""


@dataclass
class Verdict:
    """What was found. `wrong` is empty if all is well."""

    executions: int = 0
    events: int = 0
    statuses: Counter = field(default_factory=Counter)
    unknown: Counter = field(default_factory=Counter)
    """Submissions reported as unknown, by service."""
    submissions: Counter = field(default_factory=Counter)
    """Attempts that were scheduled, by service."""
    jobs: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def rate(self, service: str) -> float:
        """The part of a service's attempts that ended as unknown."""
        return self.unknown[service] / max(1, self.submissions[service])

    def __str__(self) -> str:
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(self.statuses.items()))
        lines = [f"{self.executions} executions ({statuses}), {self.events} events"]
        for service in sorted(self.submissions):
            lines.append(
                f"{service}: {self.submissions[service]} attempts, {self.jobs[service]} jobs in the fake, "
                f"{self.unknown[service]} unknown submissions ({100 * self.rate(service):.2f} %)"
            )
        lines += [f"WRONG: {what}" for what in self.wrong[:20]]
        if len(self.wrong) > 20:
            lines.append(f"WRONG: and {len(self.wrong) - 20} more")
        return "\n".join(lines)


SERVICES = {"batch": "Batch", "glue": "Glue", "ecs": "ECS", "dynamodb": "DynamoDB"}


def check(http_url: str, fake: AwsFake, started: list[Started]) -> Verdict:
    """Reads every execution and every job there is."""
    verdict = Verdict(executions=len(started))
    sfn = client("stepfunctions", http_url, attempts=3)

    def read(one: Started):
        return one, sfn.describe_execution(executionArn=one.arn), history(sfn, one.arn)

    with ThreadPoolExecutor(READERS) as pool:
        for one, described, events in pool.map(read, started):
            check_execution(verdict, one, described, events)
    check_jobs(verdict, fake, {one.name for one in started})
    return verdict


def check_execution(verdict: Verdict, one: Started, described: dict, events: list[dict]) -> None:
    status = described["status"]
    verdict.statuses[status] += 1
    verdict.events += len(events)
    verdict.wrong += [f"{one.name}: {flaw}" for flaw in flaws(events, is_closed=status != "RUNNING")]
    for event in events:
        if event["type"] == "TaskScheduled":
            verdict.submissions[SERVICES[event["taskScheduledEventDetails"]["resourceType"]]] += 1
        if event["type"] in ("TaskFailed", "TaskSubmitFailed"):
            error = next(value for key, value in event.items() if key.endswith("EventDetails"))["error"]
            if error in PERMITTED:
                verdict.unknown[PERMITTED[error]] += 1
            else:
                verdict.wrong.append(f"{one.name}: an attempt failed with {error}")
    if status == "SUCCEEDED":
        output = json.loads(described["output"])
        if output != one.expected:
            verdict.wrong.append(f"{one.name}: output {output}, expected {one.expected}")
    elif status != "FAILED" or described.get("error") not in PERMITTED:
        last = events[-1]["type"] if events else None
        verdict.wrong.append(f"{one.name}: {status} {described.get('error')} {described.get('cause')}, last event {last}")


def owner_of(job: dict) -> str:
    """`EXECUTION-state-ATTEMPT`, from what the workflow put in the job."""
    if job["service"] == "batch":
        return job["name"]
    if job["service"] == "glue":
        return job["request"]["Arguments"]["--owner"]
    return environment_of(job)["OWNER"]


def check_jobs(verdict: Verdict, fake: AwsFake, executions: set[str]) -> None:
    """At most one job an attempt, in the fake's own books and by the markers and tokens that came with the calls."""
    owners, marks = Counter(), Counter()
    for job in fake.jobs():
        verdict.jobs[SERVICES[job["service"]]] += 1
        owner = owner_of(job)
        owners[job["service"], owner] += 1
        mark = mark_of(job)
        if mark:
            marks[job["service"], mark] += 1
        else:
            verdict.wrong.append(f"the job of {owner} carries neither marker nor token")
        if owner.rsplit("-", 2)[0] not in executions:
            verdict.wrong.append(f"the job of {owner} belongs to no acknowledged execution")
    verdict.wrong += [f"{count} {service} jobs for {owner}" for (service, owner), count in owners.items() if count > 1]
    verdict.wrong += [f"{count} {service} jobs marked {mark}" for (service, mark), count in marks.items() if count > 1]


def mark_of(job: dict) -> str | None:
    if job["service"] == "batch":
        return job["tags"].get("newel:attempt")
    if job["service"] == "glue":
        return job["request"]["Arguments"].get("--newel-attempt")
    return job["token"]

"""Builds: CodeBuild."""

from e2e.kinds.common import AT, MILLIS
from support.life_cycles import Kind



def build(what: str, member: str, several: str, status: str) -> Kind:
    """CodeBuild's two kinds, which differ in their names alone."""

    def shown(state: str) -> dict:
        return {"id": "p-MARK:1", "projectName": "p-MARK", status: state, "startTime": AT}

    def given(state: str) -> dict:
        pascal = status[0].upper() + status[1:]
        return {"Id": "p-MARK:1", "ProjectName": "p-MARK", pascal: state, "StartTime": MILLIS}

    variable = [{"name": "A", "value": "1", "type": "PLAINTEXT"}]
    return Kind(
        resource=f"codebuild:start{what}",
        service="codebuild",
        parameters={
            "ProjectName": "p-MARK",
            "EnvironmentVariablesOverride": [{"Name": "A", "Value": "1", "Type": "PLAINTEXT"}],
        },
        start=(f"Start{what}", {"projectName": "p-MARK", "environmentVariablesOverride": variable}),
        token="idempotencyToken",
        answer={member: shown("IN_PROGRESS")},
        submitted={what: given("IN_PROGRESS")},
        describe=(several, {"ids": ["p-MARK:1"]}),
        job={f"{member}s" if member == "build" else f"{member}es": [shown("STATE")]},
        several=(several, {f"{member}s" if member == "build" else f"{member}es": [shown("STATE")]}),
        running=("IN_PROGRESS", "IN_PROGRESS"),
        succeeds="SUCCEEDED",
        fails="FAULT",
        result={what: given("STATE")},
        stop=(f"Stop{what}", {"id": "p-MARK:1"}, {}),
    )


CODEBUILD = [
    build("Build", "build", "BatchGetBuilds", "buildStatus"),
    build("BuildBatch", "buildBatch", "BatchGetBuildBatches", "buildBatchStatus"),
]

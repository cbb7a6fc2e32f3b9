"""The workflows that run while everything is killed around them, each with an output that is known beforehand.

Every job says whose it is: execution, state and attempt (the state's retry count) are in its name (Batch) or in an
argument or environment variable (Glue, ECS), as the workflow itself gives them. So the fake can count jobs an attempt
without trusting anything of Newel's.
"""

from dataclasses import dataclass

from support.executions import task

NUMBER = 7
CALLBACK_FAMILY = "ask"


def owner(state: str) -> str:
    """An intrinsic that makes `EXECUTION-state-ATTEMPT`."""
    return f"States.Format('{{}}-{state}-{{}}', $$.Execution.Name, $$.State.RetryCount)"


def batch(state: str, **more) -> dict:
    parameters = {"JobName.$": owner(state), "JobQueue": "q", "JobDefinition": "d"}
    return {**task("batch:submitJob.sync", parameters), "ResultSelector": {"status.$": "$.Status"}, **more}


def glue(state: str, **more) -> dict:
    parameters = {"JobName": "etl", "Arguments": {"--owner.$": owner(state)}}
    return {**task("glue:startJobRun.sync", parameters), "ResultSelector": {"status.$": "$.JobRunState"}, **more}


def ecs(state: str, family: str = "report", suffix: str = ".sync", **more) -> dict:
    environment = [{"Name": "OWNER", "Value.$": owner(state)}]
    if suffix == ".waitForTaskToken":
        environment.append({"Name": "TASK_TOKEN", "Value.$": "$$.Task.Token"})
    overrides = {"ContainerOverrides": [{"Name": "main", "Environment": environment}]}
    return {**task(f"ecs:runTask{suffix}", {"TaskDefinition": family, "Overrides": overrides}), **more}


# A retry is a new attempt with a job of its own, which the count of jobs must tell apart from a second submission.
RETRY = {"Retry": [{"ErrorEquals": ["Glue.SdkClientException"], "IntervalSeconds": 1, "MaxAttempts": 2}]}

BATCH_AND_CHOICE = {
    "StartAt": "Work",
    "States": {
        "Work": batch("work", ResultPath="$.job", Next="Odd?"),
        "Odd?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThan": NUMBER, "Next": "High"}],
            "Default": "Low",
        },
        "High": {"Type": "Pass", "Result": "high", "ResultPath": "$.side", "End": True},
        "Low": {"Type": "Pass", "Result": "low", "ResultPath": "$.side", "End": True},
    },
}

PARALLEL = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Glue", "States": {"Glue": glue("glue", End=True, **RETRY)}},
                {
                    "StartAt": "Pause",
                    "States": {
                        "Pause": {"Type": "Wait", "Seconds": 1, "Next": "ECS"},
                        "ECS": ecs("ecs", ResultSelector={"status.$": "$.LastStatus"}, End=True),
                    },
                },
            ],
            "ResultPath": "$.both",
            "Next": "Again",
        },
        "Again": glue("again", ResultPath="$.again", End=True),
    },
}

MAP = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 2,
            "ItemSelector": {"item.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
            "ItemProcessor": {
                "StartAt": "Work",
                "States": {
                    "Work": {
                        **batch("work"),
                        "Parameters": {
                            "JobName.$": "States.Format('{}-map{}-{}', $$.Execution.Name, $.index, $$.State.RetryCount)",
                            "JobQueue": "q",
                            "JobDefinition": "d",
                        },
                        "ResultPath": "$.job",
                        "Next": "Sum",
                    },
                    "Sum": {
                        "Type": "Pass",
                        "Parameters": {"sum.$": "States.MathAdd($.item, 1)", "status.$": "$.job.status"},
                        "End": True,
                    },
                },
            },
            "End": True,
        }
    },
}

_WORK = MAP["States"]["Each"]["ItemProcessor"]["States"]["Work"]

# As the Map above, but each item is an execution of its own, which knows whose it is by its input.
SPREAD = {
    "StartAt": "Each",
    "States": {
        "Each": {
            **MAP["States"]["Each"],
            "ItemSelector": {
                "owner.$": "$$.Execution.Name",
                "item.$": "$$.Map.Item.Value",
                "index.$": "$$.Map.Item.Index",
            },
            "ItemProcessor": {
                **MAP["States"]["Each"]["ItemProcessor"],
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "States": {
                    **MAP["States"]["Each"]["ItemProcessor"]["States"],
                    "Work": {
                        **_WORK,
                        # A run tells of a child's failure only that there was one, so a permitted one is tried again here.
                        "Retry": [{"ErrorEquals": ["Batch.SdkClientException"], "IntervalSeconds": 1, "MaxAttempts": 5}],
                        "Parameters": {
                            **_WORK["Parameters"],
                            "JobName.$": "States.Format('{}-map{}-{}', $.owner, $.index, $$.State.RetryCount)",
                        },
                    },
                },
            },
        }
    },
}

CALLBACK = {
    "StartAt": "Pause",
    "States": {
        "Pause": {"Type": "Wait", "Seconds": 2, "Next": "Ask"},
        "Ask": ecs("ask", CALLBACK_FAMILY, ".waitForTaskToken", ResultPath="$.callback", Next="Write"),
        "Write": {
            **task("dynamodb:putItem", {"TableName": "t", "Item": {"id": {"S.$": "$$.Execution.Name"}}}),
            # Writing the same item again does no harm, which the definition says and nobody else may assume.
            "Retry": [{"ErrorEquals": ["DynamoDB.SdkClientException"], "IntervalSeconds": 1, "MaxAttempts": 10}],
            "ResultPath": None,
            "End": True,
        },
    },
}


@dataclass(frozen=True)
class Kind:
    """A workflow, how often it is started, and what comes out of it."""

    definition: dict
    share: int

    def output(self, name: str, n: int) -> object:
        """The output of the execution `name` with the input of `n`."""
        given = data(n)
        if self.definition is BATCH_AND_CHOICE:
            return {**given, "job": {"status": "SUCCEEDED"}, "side": "high" if given["n"] > NUMBER else "low"}
        if self.definition is PARALLEL:
            both = [{"status": "SUCCEEDED"}, {"status": "STOPPED"}]
            return {**given, "both": both, "again": {"status": "SUCCEEDED"}}
        if self.definition in (MAP, SPREAD):
            return [{"sum": item + 1, "status": "SUCCEEDED"} for item in given["items"]]
        return {**given, "callback": {"answer": name}}


def data(n: int) -> dict:
    """The input numbered `n`."""
    return {"n": n % (2 * NUMBER), "items": [n, n + 1, n + 2]}


KINDS = {
    "batch": Kind(BATCH_AND_CHOICE, 4),
    "parallel": Kind(PARALLEL, 3),
    "map": Kind(MAP, 1),
    "spread": Kind(SPREAD, 1),
    "callback": Kind(CALLBACK, 2),
}

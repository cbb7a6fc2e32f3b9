"""The workflow of all four families that a user would write, for an emulator's resources."""

from support.executions import task
from support.seed import Seeded


def everything(seeded: Seeded) -> dict:
    """Batch, then Choice, then Glue and ECS side by side, a Map over their results, a callback, and DynamoDB.

    The input: `{"code": "0"}`, the Batch job's exit code.
    """
    network = {"AwsvpcConfiguration": {"Subnets": seeded.subnets[:1], "SecurityGroups": seeded.security_groups[:1]}}
    ecs = {
        "Cluster": seeded.cluster,
        "TaskDefinition": seeded.task_definition,
        "LaunchType": "FARGATE",
        "NetworkConfiguration": network,
    }
    token = [{"Name": "TASK_TOKEN", "Value.$": "$$.Task.Token"}]
    callback = {**ecs, "Overrides": {"ContainerOverrides": [{"Name": seeded.container, "Environment": token}]}}
    batch = {
        "JobName.$": "$$.Execution.Name",
        "JobQueue": seeded.job_queue,
        "JobDefinition": seeded.job_definition,
        "Parameters": {"message": "hello", "seconds": "1", "code.$": "$.code"},
    }
    item = {seeded.table_key: {"S.$": "$$.Execution.Name"}, "answer": {"S.$": "$.callback.answer"}}
    states = {
        "Batch": {
            **task("batch:submitJob.sync", batch),
            "ResultSelector": {"status.$": "$.Status"},
            "ResultPath": "$.batch",
            "Catch": [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Sorry"}],
            "Next": "Good?",
        },
        "Good?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.batch.status", "StringEquals": "SUCCEEDED", "Next": "Both"}],
            "Default": "Sorry",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Glue",
                    "States": {
                        "Glue": {
                            **task("glue:startJobRun.sync", {"JobName": seeded.glue_job}),
                            "ResultSelector": {"status.$": "$.JobRunState"},
                            "End": True,
                        }
                    },
                },
                {
                    "StartAt": "ECS",
                    "States": {
                        "ECS": {**task("ecs:runTask.sync", ecs), "ResultSelector": {"status.$": "$.LastStatus"}, "End": True}
                    },
                },
            ],
            "ResultPath": "$.both",
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.both",
            "ItemProcessor": {
                "StartAt": "Take",
                "States": {"Take": {"Type": "Pass", "InputPath": "$.status", "End": True}},
            },
            "ResultPath": "$.statuses",
            "Next": "Ask",
        },
        "Ask": {**task("ecs:runTask.waitForTaskToken", callback), "ResultPath": "$.callback", "Next": "Write"},
        "Write": {
            **task("dynamodb:putItem", {"TableName": seeded.table, "Item": item}),
            "ResultPath": None,
            "End": True,
        },
        "Sorry": {"Type": "Fail", "Error": "BatchFailed", "CausePath": "$.error.Cause"},
    }
    return {"StartAt": "Batch", "States": states}

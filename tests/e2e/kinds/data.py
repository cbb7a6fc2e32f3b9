"""Queries and jobs over data: Athena, DataBrew, Glue."""

from e2e.kinds.common import AT, LATER, LATER_MILLIS, MILLIS
from support.life_cycles import Kind

QUERY = {"QueryExecutionId": "q-MARK", "Query": "select 'MARK'"}
ATHENA = Kind(
    resource="athena:startQueryExecution",
    service="athena",
    parameters={"QueryString": "select 'MARK'", "ResultConfiguration": {"OutputLocation": "s3://b/"}},
    start=("StartQueryExecution", {"QueryString": "select 'MARK'", "ResultConfiguration": {"OutputLocation": "s3://b/"}}),
    token="ClientRequestToken",
    answer={"QueryExecutionId": "q-MARK"},
    submitted={"QueryExecutionId": "q-MARK"},
    describe=("GetQueryExecution", {"QueryExecutionId": "q-MARK"}),
    job={"QueryExecution": {**QUERY, "Status": {"State": "STATE", "SubmissionDateTime": AT}}},
    several=(
        "BatchGetQueryExecution",
        {"QueryExecutions": [{**QUERY, "Status": {"State": "STATE", "SubmissionDateTime": AT}}]},
    ),
    running=("QUEUED", "RUNNING"),
    succeeds="SUCCEEDED",
    fails="FAILED",
    result={"QueryExecution": {**QUERY, "Status": {"State": "STATE", "SubmissionDateTime": MILLIS}}},
    stop=("StopQueryExecution", {"QueryExecutionId": "q-MARK"}, {}),
    throttle="TooManyRequestsException",
)

DATABREW = Kind(
    resource="databrew:startJobRun",
    service="databrew",
    parameters={"Name": "a job MARK"},
    start=("StartJobRun", {"Name": "a job MARK"}),
    answer={"RunId": "db_MARK"},
    submitted={"RunId": "db_MARK"},
    describe=("DescribeJobRun", {"Name": "a job MARK", "RunId": "db_MARK"}),
    job={"JobName": "a job MARK", "RunId": "db_MARK", "State": "STATE", "StartedOn": AT, "Attempt": 0},
    running=("STARTING", "RUNNING"),
    succeeds="SUCCEEDED",
    fails="TIMEOUT",
    result={"JobName": "a job MARK", "RunId": "db_MARK", "State": "STATE", "StartedOn": MILLIS, "Attempt": 0},
    stop=("StopJobRun", {"Name": "a job MARK", "RunId": "db_MARK"}, {"RunId": "db_MARK"}),
)



def glue(name: str, **more) -> Kind:
    """A run of the Glue job of a name."""
    given = {"JobName": name, "Arguments": {"--aKey": "MARK"}, "Timeout": 5}
    run = {"Id": "jr_MARK", "JobName": name, "JobRunState": "STATE", "Arguments": {}}
    described = {**run, "StartedOn": LATER}
    return Kind(
        resource="glue:startJobRun",
        service="glue",
        parameters=given,
        start=("StartJobRun", given),
        marker=("Arguments", "--newel-attempt"),
        find=("GetJobRuns", {"JobName": name, "MaxResults": 200}, {"JobRuns": [described]}),
        answer={"JobRunId": "jr_MARK"},
        submitted={"JobRunId": "jr_MARK", "JobName": name},
        describe=("GetJobRun", {"JobName": name, "RunId": "jr_MARK"}),
        job={"JobRun": described},
        running=("STARTING", "RUNNING"),
        succeeds="SUCCEEDED",
        fails="TIMEOUT",
        result={**run, "StartedOn": LATER_MILLIS, "Arguments": {"--aKey": "MARK"}},
        stop=("BatchStopJobRun", {"JobName": name, "JobRunIds": ["jr_MARK"]}, {"SuccessfulSubmissions": []}),
        **more,
    )


GLUE = glue("a job MARK")
SHARED = "a job of many runs"
GLUE_SHARED = glue(SHARED, shared=SHARED)
"""Runs of the same job, which are looked at together by a call that names none of them."""

"""Queries and jobs over data: Athena, DataBrew, Glue."""

from e2e.kinds.common import AT, LATER, LATER_MILLIS, MILLIS
from support.life_cycles import Kind, together

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



GLUE_JOB = {"JobName": "a job MARK", "Arguments": {"--aKey": "MARK"}, "Timeout": 5}
GLUE_RUN = {"Id": "jr_MARK", "JobName": "a job MARK", "JobRunState": "STATE", "Arguments": {}}
GLUE = Kind(
    resource="glue:startJobRun",
    service="glue",
    parameters=GLUE_JOB,
    start=("StartJobRun", GLUE_JOB),
    marker=("Arguments", "--newel-attempt"),
    find=("GetJobRuns", {"JobName": "a job MARK", "MaxResults": 200}, {"JobRuns": [{**GLUE_RUN, "StartedOn": LATER}]}),
    answer={"JobRunId": "jr_MARK"},
    submitted={"JobRunId": "jr_MARK", "JobName": "a job MARK"},
    describe=("GetJobRun", {"JobName": "a job MARK", "RunId": "jr_MARK"}),
    job={"JobRun": {**GLUE_RUN, "StartedOn": LATER}},
    running=("STARTING", "RUNNING"),
    succeeds="SUCCEEDED",
    fails="TIMEOUT",
    result={**GLUE_RUN, "StartedOn": LATER_MILLIS, "Arguments": {"--aKey": "MARK"}},
    stop=("BatchStopJobRun", {"JobName": "a job MARK", "JobRunIds": ["jr_MARK"]}, {"SuccessfulSubmissions": []}),
)
GLUE_TOGETHER = together(
    GLUE,
    scope="a job MARK",
    word="a job of many runs",
    several=("GetJobRuns", {"JobRuns": [{**GLUE_RUN, "JobName": "a job of many runs", "StartedOn": LATER}]}),
)

//! The table: services by name, actions in AWS's order.

use newel_asl::catalog::Pattern;

use super::parameters::Parameters;
use super::rules::{self, Rule};
use super::{Action, Job, Service};

/// An action that takes what an API operation takes and gives what it answers.
const fn call(name: &'static str, api: &'static str, operation: &'static str) -> Action {
    Action {
        name,
        api: Some(api),
        parameters: Parameters::Request { operation, besides: &[] },
        rules: &[],
        family: None,
        answer: Some(operation),
        job: None,
        callback: false,
        parsed: nothing_parsed,
    }
}

/// An action with parameters of Step Functions' own.
const fn own(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Action {
    Action {
        name,
        api: None,
        parameters: Parameters::Own { required, optional },
        rules: &[],
        family: None,
        answer: None,
        job: None,
        callback: false,
        parsed: nothing_parsed,
    }
}

impl Action {
    /// With `.sync`; the operation tells where the job is.
    const fn job(self, poll: &'static str) -> Self {
        Self { job: Some(Job { second_version: false, poll: Some(poll) }), ..self }
    }

    /// With the jobs of an API although the parameters are Step Functions' own.
    const fn job_of(self, api: &'static str, poll: &'static str) -> Self {
        Self { api: Some(api), ..self }.job(poll)
    }

    /// With rules beyond the names of its parameters.
    const fn rules(self, rules: &'static [Rule]) -> Self {
        Self { rules, ..self }
    }

    /// Served by the worker that makes HTTP calls, whoever serves its service.
    const fn over_http(self) -> Self {
        Self { family: Some(HTTP), ..self }
    }

    /// With `.waitForTaskToken`.
    const fn callback(self) -> Self {
        Self { callback: true, ..self }
    }
}

fn nothing_parsed(_: Pattern) -> &'static [&'static str] {
    &[]
}

/// A function's answer is JSON.
fn payload_parsed(_: Pattern) -> &'static [&'static str] {
    &["Payload"]
}

/// A model's answer is JSON.
fn body_parsed(_: Pattern) -> &'static [&'static str] {
    &["Body"]
}

/// `.sync:2` gives the child's data as JSON, `.sync` as text.
const fn execution_data_parsed(pattern: Pattern) -> &'static [&'static str] {
    match pattern {
        Pattern::Job(2) => &["Input", "Output"],
        Pattern::Job(_) | Pattern::RequestResponse | Pattern::Callback => &[],
    }
}

const SAGEMAKER: &str = "sagemaker";

/// The family that serves what isn't an AWS API.
const HTTP: &str = "http";

/// The services with actions of this kind, ordered by name.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        name: "apigateway",
        family: HTTP,
        actions: &[own(
            "invoke",
            &["ApiEndpoint", "Method"],
            &["Headers", "Stage", "Path", "QueryParameters", "RequestBody", "AllowNullValues", "AuthType"],
        )
        .rules(rules::API_GATEWAY)
        .callback()],
    },
    Service {
        name: "athena",
        family: "athena",
        actions: &[
            call("startQueryExecution", "athena", "StartQueryExecution").job("GetQueryExecution"),
            call("stopQueryExecution", "athena", "StopQueryExecution"),
            call("getQueryExecution", "athena", "GetQueryExecution"),
            call("getQueryResults", "athena", "GetQueryResults"),
        ],
    },
    Service {
        name: "bedrock",
        family: "bedrock",
        actions: &[
            Action {
                parameters: Parameters::Request { operation: "InvokeModel", besides: &["Input", "Output"] },
                parsed: body_parsed,
                ..call("invokeModel", "bedrockruntime", "InvokeModel")
            }
            .callback(),
            call("createModelCustomizationJob", "bedrock", "CreateModelCustomizationJob")
                .job("GetModelCustomizationJob"),
        ],
    },
    Service {
        name: "bedrockagentcore",
        family: "bedrock",
        actions: &[own(
            "invokeHarness",
            &["HarnessArn", "RuntimeSessionId", "Messages"],
            &[
                "SystemPrompt",
                "Model",
                "Tools",
                "Skills",
                "AllowedTools",
                "MaxIterations",
                "MaxTokens",
                "TimeoutSeconds",
                "ActorId",
                "Qualifier",
            ],
        )],
    },
    Service {
        name: "codebuild",
        family: "codebuild",
        actions: &[
            call("startBuild", "codebuild", "StartBuild").job("BatchGetBuilds"),
            call("stopBuild", "codebuild", "StopBuild"),
            call("batchDeleteBuilds", "codebuild", "BatchDeleteBuilds"),
            call("batchGetReports", "codebuild", "BatchGetReports"),
            call("startBuildBatch", "codebuild", "StartBuildBatch").job("BatchGetBuildBatches"),
            call("stopBuildBatch", "codebuild", "StopBuildBatch"),
            call("retryBuildBatch", "codebuild", "RetryBuildBatch"),
            call("deleteBuildBatch", "codebuild", "DeleteBuildBatch"),
        ],
    },
    Service {
        name: "databrew",
        family: "databrew",
        actions: &[call("startJobRun", "databrew", "StartJobRun").job("DescribeJobRun")],
    },
    Service {
        name: "eks",
        family: "eks",
        actions: &[
            call("createCluster", "eks", "CreateCluster").job("DescribeCluster"),
            call("deleteCluster", "eks", "DeleteCluster").job("DescribeCluster"),
            call("createFargateProfile", "eks", "CreateFargateProfile").job("DescribeFargateProfile"),
            call("deleteFargateProfile", "eks", "DeleteFargateProfile").job("DescribeFargateProfile"),
            call("createNodegroup", "eks", "CreateNodegroup").job("DescribeNodegroup"),
            call("deleteNodegroup", "eks", "DeleteNodegroup").job("DescribeNodegroup"),
            Action {
                job: Some(Job { second_version: false, poll: None }),
                ..own(
                    "runJob",
                    &["ClusterName", "CertificateAuthority", "Endpoint", "Job"],
                    &["Namespace", "LogOptions"],
                )
                .rules(rules::EKS_RUN_JOB)
                .over_http()
                .callback()
            },
            own(
                "call",
                &["ClusterName", "CertificateAuthority", "Endpoint", "Method", "Path"],
                &["QueryParameters", "RequestBody"],
            )
            .rules(rules::EKS_CALL)
            .over_http()
            .callback(),
        ],
    },
    Service {
        name: "elasticmapreduce",
        family: "emr",
        actions: &[
            Action { answer: None, ..call("createCluster", "emr", "RunJobFlow").job("DescribeCluster") },
            own("terminateCluster", &["ClusterId"], &[]).job_of("emr", "DescribeCluster"),
            own("addStep", &["ClusterId", "Step"], &["ExecutionRoleArn"]).job_of("emr", "DescribeStep"),
            own("cancelStep", &["ClusterId", "StepId"], &[]),
            own("setClusterTerminationProtection", &["ClusterId", "TerminationProtected"], &[]),
            own("modifyInstanceFleetByName", &["ClusterId", "InstanceFleetName", "InstanceFleet"], &[]),
            own("modifyInstanceGroupByName", &["ClusterId", "InstanceGroupName", "InstanceGroup"], &[]),
        ],
    },
    Service {
        name: "emr-containers",
        family: "emr",
        actions: &[
            call("createVirtualCluster", "emrcontainers", "CreateVirtualCluster"),
            call("deleteVirtualCluster", "emrcontainers", "DeleteVirtualCluster")
                .job("DescribeVirtualCluster"),
            call("startJobRun", "emrcontainers", "StartJobRun").job("DescribeJobRun"),
        ],
    },
    Service {
        name: "emr-serverless",
        family: "emr",
        actions: &[
            call("createApplication", "emrserverless", "CreateApplication").job("GetApplication"),
            call("startApplication", "emrserverless", "StartApplication").job("GetApplication"),
            call("stopApplication", "emrserverless", "StopApplication").job("GetApplication"),
            call("deleteApplication", "emrserverless", "DeleteApplication").job("GetApplication"),
            call("startJobRun", "emrserverless", "StartJobRun").job("GetJobRun"),
            call("cancelJobRun", "emrserverless", "CancelJobRun").job("GetJobRun"),
        ],
    },
    Service {
        name: "events",
        family: "messaging",
        actions: &[call("putEvents", "eventbridge", "PutEvents").callback()],
    },
    Service {
        name: HTTP,
        family: HTTP,
        actions: &[own(
            "invoke",
            &["ApiEndpoint", "Method"],
            &["Authentication", "InvocationConfig", "Headers", "QueryParameters", "RequestBody", "Transform"],
        )
        .rules(rules::HTTP_TASK)],
    },
    Service {
        name: "lambda",
        family: crate::families::LAMBDA,
        actions: &[Action { parsed: payload_parsed, ..call("invoke", "lambda", "Invoke").callback() }],
    },
    Service {
        name: "mediaconvert",
        family: "mediaconvert",
        actions: &[call("createJob", "mediaconvert", "CreateJob").job("GetJob")],
    },
    Service {
        name: SAGEMAKER,
        family: SAGEMAKER,
        actions: &[
            call("createTrainingJob", SAGEMAKER, "CreateTrainingJob").job("DescribeTrainingJob"),
            call("createTransformJob", SAGEMAKER, "CreateTransformJob").job("DescribeTransformJob"),
            call("createProcessingJob", SAGEMAKER, "CreateProcessingJob").job("DescribeProcessingJob"),
            call("createHyperParameterTuningJob", SAGEMAKER, "CreateHyperParameterTuningJob")
                .job("DescribeHyperParameterTuningJob"),
            call("createLabelingJob", SAGEMAKER, "CreateLabelingJob").job("DescribeLabelingJob"),
            call("createEndpoint", SAGEMAKER, "CreateEndpoint"),
            call("createEndpointConfig", SAGEMAKER, "CreateEndpointConfig"),
            call("createModel", SAGEMAKER, "CreateModel"),
            call("updateEndpoint", SAGEMAKER, "UpdateEndpoint"),
        ],
    },
    Service { name: "sns", family: "messaging", actions: &[call("publish", "sns", "Publish").callback()] },
    Service {
        name: "sqs",
        family: "messaging",
        actions: &[call("sendMessage", "sqs", "SendMessage").callback()],
    },
    Service {
        name: "states",
        family: crate::families::STATES,
        actions: &[Action {
            job: Some(Job { second_version: true, poll: Some("DescribeExecution") }),
            parsed: execution_data_parsed,
            ..call("startExecution", "sfn", "StartExecution").callback()
        }],
    },
];

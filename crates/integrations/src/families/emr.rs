//! Amazon EMR clusters and steps: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-emr.html>.

use newel_asl::catalog::Pattern;
use newel_value::Value;

use crate::descriptor::{
    Action, Cancel, Describe, Ending, Family, Ids, Job, JobResult, Lookup, Several, Source, call, one,
    optional, own, required,
};

pub(super) const FAMILY: Family = Family {
    service: "elasticmapreduce",
    family: super::EMR,
    api: "emr",
    error_prefix: "ElasticMapReduce",
    base_exception: "AmazonElasticMapReduceException",
    display_name: "AmazonElasticMapReduce",
    actions: &[
        CREATE_CLUSTER,
        TERMINATE_CLUSTER,
        ADD_STEP,
        own(
            "cancelStep",
            "CancelSteps",
            &[required("ClusterId", "/ClusterId"), required("StepId", "/StepIds/0")],
        )
        .natural()
        .gives(&[("CancelStepsInfo", Source::Answer("/CancelStepsInfoList/0"))]),
        own(
            "setClusterTerminationProtection",
            "SetTerminationProtection",
            &[
                required("ClusterId", "/JobFlowIds/0"),
                required("TerminationProtected", "/TerminationProtected"),
            ],
        )
        .natural(),
        own(
            "modifyInstanceFleetByName",
            "ModifyInstanceFleet",
            &[
                required("ClusterId", "/ClusterId"),
                required("InstanceFleet", "/InstanceFleet"),
                required("InstanceFleetName", "/InstanceFleet/InstanceFleetId"),
            ],
        )
        .natural()
        .looks_up(Lookup {
            operation: "ListInstanceFleets",
            scope: "ClusterId",
            entries: "/InstanceFleets",
            next: "Marker",
            place: "/InstanceFleet/InstanceFleetId",
            what: "instance fleet",
        }),
        own(
            "modifyInstanceGroupByName",
            "ModifyInstanceGroups",
            &[
                required("ClusterId", "/ClusterId"),
                required("InstanceGroup", "/InstanceGroups/0"),
                required("InstanceGroupName", "/InstanceGroups/0/InstanceGroupId"),
            ],
        )
        .natural()
        .looks_up(Lookup {
            operation: "ListInstanceGroups",
            scope: "ClusterId",
            entries: "/InstanceGroups",
            next: "Marker",
            place: "/InstanceGroups/0/InstanceGroupId",
            what: "instance group",
        }),
    ],
};

/// What EMR answers when it doesn't know a cluster or step: the request holds nothing else that could be wrong.
const MISSING: &[&str] = &["InvalidRequestException"];

const DESCRIBE_CLUSTER: Describe = one("DescribeCluster", "ClusterId", "/Cluster", MISSING).told_by(
    "aws.emr",
    "EMR Cluster State Change",
    "/clusterId",
);

const CREATE_CLUSTER: Action = call("createCluster", "RunJobFlow")
    .refusing(refuse_what_ends_the_cluster)
    .gives(&[("ClusterId", Source::Answer("/JobFlowId")), ("ClusterArn", Source::Answer("/ClusterArn"))])
    .waits(Job {
        id: Source::Answer("/JobFlowId"),
        scope: None,
        describe: DESCRIBE_CLUSTER,
        several: None,
        // A cluster goes on when its execution is stopped.
        cancel: None,
        result: JobResult { beside: &[("ClusterId", "/Id")], ..JobResult::wrapped("Cluster", "Cluster") },
        ending: Ending::of("/Status/State", &["WAITING"], &["TERMINATED", "TERMINATED_WITH_ERRORS"]),
    });

const TERMINATE_CLUSTER: Action =
    own("terminateCluster", "TerminateJobFlows", &[required("ClusterId", "/JobFlowIds/0")]).natural().waits(
        Job {
            id: Source::Request("/JobFlowIds/0"),
            scope: None,
            describe: DESCRIBE_CLUSTER,
            several: None,
            cancel: None,
            result: JobResult::wrapped("Cluster", "Cluster"),
            ending: Ending::of("/Status/State", &["TERMINATED"], &["TERMINATED_WITH_ERRORS"]),
        },
    );

const ADD_STEP: Action = own(
    "addStep",
    "AddJobFlowSteps",
    &[
        required("ClusterId", "/JobFlowId"),
        required("Step", "/Steps/0"),
        optional("ExecutionRoleArn", "/ExecutionRoleArn"),
    ],
)
.gives(&[("StepId", Source::Answer("/StepIds/0"))])
.waits(Job {
    id: Source::Answer("/StepIds/0"),
    scope: Some(Source::Request("/JobFlowId")),
    describe: one("DescribeStep", "StepId", "/Step", MISSING).within("ClusterId").told_by(
        "aws.emr",
        "EMR Step Status Change",
        "/stepId",
    ),
    several: Some(Several::Summaries(Describe {
        operation: "ListSteps",
        scope: Some("ClusterId"),
        ids: Ids::Many("StepIds", 10),
        jobs: "/Steps",
        id: Some("Id"),
        missing: &[],
        event: None,
    })),
    cancel: Some(Cancel {
        operation: "CancelSteps",
        scope: Some("ClusterId"),
        ids: Ids::Many("StepIds", 256),
        reason: None,
        refused: cancel_failed,
    }),
    result: JobResult::wrapped("Step", "Step"),
    ending: Ending::of("/Status/State", &["COMPLETED"], &["FAILED", "CANCELLED", "INTERRUPTED"]),
});

/// CancelSteps answers with success and says of each step whether it is being cancelled.
fn cancel_failed(answer: &Value) -> bool {
    let steps = answer.get("CancelStepsInfoList").and_then(Value::as_array).unwrap_or_default();
    steps.iter().any(|step| step.get("Status").and_then(Value::as_str) == Some("FAILED"))
}

/// A cluster that ends by itself is none that a workflow can use: steps are added by states, and it is kept alive without.
fn refuse_what_ends_the_cluster(_: Pattern, parameters: &Value) -> Option<String> {
    if parameters.get("Steps").or_else(|| parameters.get("Steps.$")).is_some() {
        return Some("The field \"Steps\" is not supported by Step Functions".to_owned());
    }
    let Some(Value::Object(instances)) = parameters.get("Instances") else { return None };
    if instances.contains_key("KeepJobFlowAliveWhenNoSteps.$") {
        return None;
    }
    let kept = match instances.get("KeepJobFlowAliveWhenNoSteps") {
        Some(Value::Bool(kept)) => *kept,
        // "true" is taken for true, and an expression is judged when its value is known.
        Some(Value::String(text)) => &**text == "true" || text.trim_start().starts_with("{%"),
        _ => false,
    };
    (!kept).then(|| "The value for the field 'KeepJobFlowAliveWhenNoSteps' must be TRUE".to_owned())
}

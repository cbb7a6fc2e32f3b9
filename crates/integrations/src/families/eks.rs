//! Amazon EKS clusters, node groups and Fargate profiles:
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-eks.html>. What speaks to a cluster's Kubernetes API
//! (`eks:call`, `eks:runJob`) isn't here.

use crate::descriptor::{Action, Describe, Ending, Family, Job, JobResult, Source, call, one};

pub(super) const FAMILY: Family = Family {
    service: "eks",
    family: "eks",
    api: "eks",
    error_prefix: "EKS",
    base_exception: "AmazonEKSException",
    display_name: "AmazonEKS",
    actions: &[
        creates("createCluster", "CreateCluster").waits(created(CLUSTER, &["FAILED"])),
        call("deleteCluster", "DeleteCluster").waits(deleted(CLUSTER, &["FAILED"])),
        creates("createFargateProfile", "CreateFargateProfile")
            .waits(created(FARGATE_PROFILE, &["CREATE_FAILED"])),
        call("deleteFargateProfile", "DeleteFargateProfile")
            .waits(deleted(FARGATE_PROFILE, &["DELETE_FAILED"])),
        creates("createNodegroup", "CreateNodegroup").waits(created(NODEGROUP, &["CREATE_FAILED"])),
        call("deleteNodegroup", "DeleteNodegroup").waits(deleted(NODEGROUP, &["DELETE_FAILED"])),
    ],
};

/// What is made or deleted: its name, its cluster, the call that describes it, and its result.
type Kind = (Source, Option<Source>, Describe, JobResult);

const MISSING: &[&str] = &["ResourceNotFoundException"];
const OF_CLUSTER: Option<Source> = Some(Source::Request("/clusterName"));

const CLUSTER: Kind = (
    Source::Request("/name"),
    None,
    one("DescribeCluster", "name", "/cluster", MISSING),
    JobResult::wrapped("Cluster", "Cluster"),
);

const NODEGROUP: Kind = (
    Source::Request("/nodegroupName"),
    OF_CLUSTER,
    one("DescribeNodegroup", "nodegroupName", "/nodegroup", MISSING).within("clusterName"),
    JobResult::wrapped("Nodegroup", "Nodegroup"),
);

const FARGATE_PROFILE: Kind = (
    Source::Request("/fargateProfileName"),
    OF_CLUSTER,
    one("DescribeFargateProfile", "fargateProfileName", "/fargateProfile", MISSING).within("clusterName"),
    JobResult::wrapped("FargateProfile", "FargateProfile"),
);

const fn creates(name: &'static str, operation: &'static str) -> Action {
    call(name, operation).token("clientRequestToken", 64)
}

const fn created(kind: Kind, failed: &'static [&'static str]) -> Job {
    job(kind, Ending::of("/status", &["ACTIVE"], failed))
}

const fn deleted(kind: Kind, failed: &'static [&'static str]) -> Job {
    job(kind, Ending::of("/status", &[], failed).or_gone())
}

/// What is made goes on being made when its execution is stopped.
const fn job((id, scope, describe, result): Kind, ending: Ending) -> Job {
    Job { id, scope, describe, several: None, cancel: None, result, ending }
}

//! Which job an EventBridge event is about.

use newel_value::Value;

use crate::descriptor::JobEvent;
use crate::families;

/// The events that a worker family's services send about its jobs.
pub fn job_events(family: &str) -> impl Iterator<Item = JobEvent> {
    let tables = families::served_by(family).into_iter();
    tables.flat_map(|table| table.actions).filter_map(|action| action.job?.describe.event)
}

/// The ids that the job of an event may be known by to a worker family: what the event says, and of an ARN what follows its last
/// slash. None if it is about no job of the family's.
#[must_use]
pub fn job_of_event<'a>(family: &str, event: &'a Value) -> Option<Vec<&'a str>> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let (source, detail_type) = (text("source")?, text("detail-type")?);
    let is_it = |known: &JobEvent| known.source == source && known.detail_type == detail_type;
    let known = job_events(family).find(is_it)?;
    let id = event.get("detail")?.pointer(known.id)?.as_str()?;
    let tail = id.rsplit_once('/').filter(|_| id.starts_with("arn:")).map(|(_, tail)| tail);
    Some(std::iter::once(id).chain(tail).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_its_job() {
        let check = |family: &str, text: &str, expect: Option<&[&str]>| {
            let event = Value::parse(text).unwrap();
            assert_eq!(job_of_event(family, &event).as_deref(), expect, "{family} {text}");
        };
        let batch = r#"{"source":"aws.batch","detail-type":"Batch Job State Change","detail":{"jobId":"j","status":"FAILED"}}"#;
        check("batch", batch, Some(&["j"]));
        check("glue", batch, None);
        check("batch", &batch.replace("State Change", "Queue Blocked"), None);
        check("batch", &batch.replace("jobId", "job"), None);
        check("batch", "[]", None);
        let build = r#"{"source":"aws.codebuild","detail-type":"CodeBuild Build State Change","detail":{"build-id":"arn:aws:codebuild:r:1:build/p:u"}}"#;
        check("codebuild", build, Some(&["arn:aws:codebuild:r:1:build/p:u", "p:u"]));
        let step = r#"{"source":"aws.emr","detail-type":"EMR Step Status Change","detail":{"stepId":"s-1","clusterId":"j-1"}}"#;
        check("emr", step, Some(&["s-1"]));
    }

    #[test]
    fn every_family_with_jobs_of_its_own_hears_of_them() {
        for family in [
            "athena",
            "batch",
            "bedrock",
            "codebuild",
            "databrew",
            "ecs",
            "emr",
            "glue",
            "mediaconvert",
            "sagemaker",
        ] {
            assert!(job_events(family).next().is_some(), "{family}");
        }
        for family in ["dynamodb", "lambda", "messaging", "http", "sdk"] {
            assert!(job_events(family).next().is_none(), "{family}");
        }
    }
}

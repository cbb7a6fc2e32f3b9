//! Queues of events that tell of jobs' ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Section `worker.events`: SQS queues that EventBridge rules put the services' events about jobs in. A job that an event is about is
/// looked at at once; without a queue, or without the event, when its turn comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventQueueOptions {
    /// The URL of each family's own queue, by family: `batch = "https://sqs.eu-west-1.amazonaws.com/123456789012/newel-batch"`.
    /// Families can't share one.
    pub queues: BTreeMap<String, String>,
    /// The queues' region, where their URLs don't tell it.
    pub region: Option<String>,
    /// How often a message about a job that isn't watched here is received before it is deleted. It may be about a job that another
    /// worker of the family watches, or that is about to be watched. Default 3; with many replicas about three times their number.
    pub receives: u32,
}

impl Default for EventQueueOptions {
    fn default() -> Self {
        Self { queues: BTreeMap::new(), region: None, receives: 3 }
    }
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) url: String,
    pub(crate) region: String,
    pub(crate) account: String,
}

impl EventQueueOptions {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.receives == 0 {
            return Err("worker.events.receives must not be 0".to_owned());
        }
        let mut urls: Vec<&String> = self.queues.values().collect();
        urls.sort_unstable();
        if let Some([url, _]) = urls.array_windows().find(|[one, other]| one == other) {
            return Err(format!(
                "worker.events.queues: {url} is given to two families: each needs one of its own"
            ));
        }
        self.queues.keys().try_for_each(|family| self.queue(family).map(drop))
    }

    /// The queue of a family, if it has one.
    pub(crate) fn queue(&self, family: &str) -> Result<Option<Queue>, String> {
        let Some(url) = self.queues.get(family) else { return Ok(None) };
        let at = format!("worker.events.queues.{family}");
        let (_, rest) = url.split_once("://").ok_or_else(|| format!("{at} {url:?} is no URL"))?;
        let mut path = rest.split('/');
        let (host, account) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
        if account.is_empty() || path.next().is_none_or(str::is_empty) {
            return Err(format!("{at} {url:?} must be https://HOST/ACCOUNT/QUEUE"));
        }
        let told = host.strip_prefix("sqs.").and_then(|rest| rest.split_once(".amazonaws.com"));
        let region = self.region.as_deref().or(told.map(|(region, _)| region));
        let region = region
            .ok_or_else(|| format!("{at} {url:?} doesn't tell its region: set worker.events.region"))?;
        Ok(Some(Queue { url: url.clone(), region: region.to_owned(), account: account.to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_s_url_tells_where_it_is() {
        let of = |url: &str, region: Option<&str>| {
            let queues = BTreeMap::from([("batch".to_owned(), url.to_owned())]);
            EventQueueOptions { queues, region: region.map(str::to_owned), ..EventQueueOptions::default() }
        };
        let check = |url: &str, region: Option<&str>, expect: Result<(&str, &str), &str>| {
            let options = of(url, region);
            let found = options.queue("batch").map(|queue| queue.unwrap());
            assert_eq!(options.check().is_ok(), found.is_ok());
            match (found, expect) {
                (Ok(queue), Ok(expect)) => assert_eq!((&*queue.region, &*queue.account), expect),
                (Err(error), Err(expect)) => assert!(error.contains(expect), "{error}"),
                (found, _) => panic!("{found:?}"),
            }
        };
        check("https://sqs.eu-west-1.amazonaws.com/1/q", None, Ok(("eu-west-1", "1")));
        check("https://sqs.cn-north-1.amazonaws.com.cn/1/q", None, Ok(("cn-north-1", "1")));
        check("http://127.0.0.1:9/1/q", Some("eu-west-1"), Ok(("eu-west-1", "1")));
        check("http://127.0.0.1:9/1/q", None, Err("worker.events.region"));
        check("https://sqs.eu-west-1.amazonaws.com/q", None, Err("ACCOUNT"));
        check("q", None, Err("no URL"));
        let mut twice = of("https://sqs.eu-west-1.amazonaws.com/1/q", None);
        twice.queues.insert("ecs".into(), "https://sqs.eu-west-1.amazonaws.com/1/q".into());
        assert!(twice.check().unwrap_err().contains("two families"));
    }
}

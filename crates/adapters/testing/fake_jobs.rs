//! What the tests of adapters with jobs share beside `fake_bench`.

use newel_aws_fake::{JobQuery, JobReport, ScriptRule, Selector, Service, Step};
use newel_worker::contract::Ending;

use crate::fake_bench::Bench;

/// A bench whose jobs lead these lives: the second one if their name begins with `bad`.
pub(crate) async fn start(
    service: Service,
    operation: &'static str,
    success: Vec<Step>,
    failure: Vec<Step>,
) -> Bench {
    let bench = Bench::start(service, operation).await;
    let bad = Selector { service: Some(service), name: Some("bad*".to_owned()), ..Selector::default() };
    let all = Selector { service: Some(service), ..Selector::default() };
    let scripts = vec![ScriptRule::new(bad, failure), ScriptRule::new(all, success)];
    bench.fake.add_scripts(scripts).expect("sensible scripts");
    bench
}

/// The jobs of the service that satisfy a condition.
pub(crate) fn jobs(bench: &Bench, wanted: impl Fn(&JobReport) -> bool) -> Vec<JobReport> {
    let query = JobQuery { service: Some(bench.service), ..JobQuery::default() };
    bench.fake.jobs(&query).jobs.into_iter().filter(|job| wanted(job)).collect()
}

/// The name of a job that ends like this.
pub(crate) const fn job_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Success => "good",
        Ending::Failure => "bad",
    }
}

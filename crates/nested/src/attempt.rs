//! Orders carried out: what is called for an attempt, and what is reported of it.

use std::sync::Arc;
use std::time::Duration;

use newel_api::{Local, Refused};
use newel_asl::arn::StateMachineArn;
use newel_asl::catalog::{Pattern, Resource, ResourceCatalog as _};
use newel_aws_catalog::Dialect;
use newel_engine::request::Tenant;
use newel_engine::{Dispatch, DispatchKind, ErrorKind, Report, TaskId};
use newel_value::{Object, Str, Value};

use crate::call::{Call, Failure, described};
use crate::queue::Order;
use crate::{Attached, Nested};

/// How long a report or a read that the engine couldn't take is put off.
const AGAIN: Duration = Duration::from_millis(200);

/// A task's call, ready to be made.
struct Prepared<'c> {
    resource: Resource,
    call: Call<'c>,
    tenant: Tenant,
}

impl Nested {
    /// Carries an order out. What ends the attempt, or moves it on, is reported.
    pub(crate) async fn carry_out(&self, order: Order) {
        let Some(attached) = self.attached.get() else { return };
        let body = match order.body {
            Some(body) => Some(body),
            None => self.read_body(attached, &order.task, order.kind).await,
        };
        let Some(dispatch) = body else { return };
        let report = match order.kind {
            DispatchKind::Submit | DispatchKind::Reconcile => Some(self.submit(attached, &dispatch).await),
            DispatchKind::Watch => self.look(attached, &dispatch).await,
            DispatchKind::Cancel => Some(self.cancel(attached, &dispatch).await),
        };
        if let Some(report) = report {
            self.report(attached, &dispatch.task, report).await;
        }
    }

    async fn read_body(
        &self,
        attached: &Attached,
        task: &TaskId,
        kind: DispatchKind,
    ) -> Option<Arc<Dispatch>> {
        loop {
            match attached.engine.dispatch_body(task, kind).await {
                Ok(body) => return body,
                Err(error) => tracing::debug!(%task, %error, "a dispatch can't be read now"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Reports until the engine has taken it. What the engine will never take has been logged by it.
    async fn report(&self, attached: &Attached, task: &TaskId, report: Report) {
        loop {
            match attached.engine.report(task.clone(), report.clone()).await {
                Ok(_) => return,
                Err(error) if error.kind == ErrorKind::Unavailable => {
                    tracing::debug!(%task, %error, "a report can't be taken now");
                }
                Err(error) => {
                    tracing::error!(%task, %error, "a report is refused");
                    return;
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn prepared(&self, dispatch: &Dispatch) -> Result<Prepared<'_>, Failure> {
        let resource = self.integrations.resolve(&dispatch.resource);
        let resource =
            resource.map_err(|fault| Failure { error: "States.Runtime".to_owned(), cause: fault.message })?;
        let call = Call::of(self.integrations.catalog(), &resource)?;
        Ok(Prepared { call, tenant: self.tenant(dispatch)?, resource })
    }

    /// Whose things the task acts on: its execution's, or those of the account of the role it names.
    fn tenant(&self, dispatch: &Dispatch) -> Result<Tenant, Failure> {
        let own = Tenant { account: dispatch.account.clone(), region: dispatch.region.clone() };
        let Some(role) = &dispatch.task_role_arn else { return Ok(own) };
        let account = role.split(':').nth(4).filter(|account| account.len() == 12);
        match account {
            Some(account) if *account == *own.account => Ok(own),
            Some(account) if self.options.trusts(&own.account, role) => {
                Ok(Tenant { account: account.into(), ..own })
            }
            _ => Err(Failure {
                error: "States.TaskFailed".to_owned(),
                cause: format!(
                    "The role {} is not authorized to assume the task state's role, {role}.",
                    dispatch.machine_role_arn
                ),
            }),
        }
    }

    async fn submit(&self, attached: &Attached, dispatch: &Dispatch) -> Report {
        match self.try_submit(attached, dispatch).await {
            Ok(report) => report,
            Err(failure) => failure.into(),
        }
    }

    async fn try_submit(&self, attached: &Attached, dispatch: &Dispatch) -> Result<Report, Failure> {
        let Prepared { resource, call, tenant } = self.prepared(dispatch)?;
        let parameters = dispatch.parameters.as_ref().map(|p| p.value().clone()).unwrap_or_default();
        let mut members = call.members(&parameters)?;
        let starts = resource.action.starts_with("startExecution");
        if starts {
            members = named(members, dispatch);
        }
        if starts && matches!(resource.pattern, Pattern::Job(_)) {
            self.refuse_express(attached, &tenant, &call, &members).await?;
        }
        let answer = match call.make(&attached.api, &tenant, members.clone()).await {
            Err(refused) if starts && refused.name == "ExecutionAlreadyExists" => {
                match self.adopted(&attached.api, &tenant, &members, dispatch).await {
                    Some(answer) => answer,
                    None => return Err(call.failure(&refused)),
                }
            }
            answered => answered.map_err(|refused| call.failure(&refused))?,
        };
        let output = call.result(&answer).into();
        Ok(match resource.pattern {
            Pattern::RequestResponse => Report::Succeeded(output),
            Pattern::Job(_) | Pattern::Callback => {
                let external_ref = Value::parse(&answer)
                    .ok()
                    .and_then(|answer| answer.get("executionArn")?.as_str().map(Str::from))
                    .unwrap_or_else(|| dispatch.submit_token.clone());
                Report::Submitted { external_ref, output }
            }
        })
    }

    /// Refuses to wait for a child that nothing can be told of once it runs. What else is wrong with the machine, the start
    /// says.
    async fn refuse_express(
        &self,
        attached: &Attached,
        tenant: &Tenant,
        start: &Call<'_>,
        members: &Object,
    ) -> Result<(), Failure> {
        let Some(machine) = members.get("stateMachineArn").and_then(Value::as_str) else { return Ok(()) };
        let members = [("stateMachineArn", machine)].into_iter().collect();
        let described = attached.api.call(tenant, "DescribeStateMachine", members).await;
        let described = described.ok().and_then(|text| Value::parse(&text).ok());
        let kind = described.as_ref().and_then(|machine| machine.get("type")?.as_str());
        if kind != Some("EXPRESS") {
            return Ok(());
        }
        Err(start.failure(&Refused {
            name: "StateMachineTypeNotSupported",
            message: "This operation is not supported by this type of state machine".to_owned(),
            status: 400,
        }))
    }

    /// The answer of an earlier start whose child has that name, if it was this attempt's.
    async fn adopted(
        &self,
        api: &Local,
        tenant: &Tenant,
        members: &Object,
        dispatch: &Dispatch,
    ) -> Option<String> {
        let arn = child_arn(members)?;
        let child = Value::parse(&self.describe(api, tenant, &arn).await.ok()?).ok()?;
        let text = |name: &str| child.get(name).and_then(Value::as_str);
        let ours = members.get("name").and_then(Value::as_str) == Some(&*dispatch.submit_token);
        let input = members.get("input").and_then(Value::as_str).unwrap_or("{}");
        let started = child.get("startDate").and_then(Value::as_f64)?;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
        let scheduled = dispatch.scheduled_at.as_millis() as f64 / 1_000.0;
        let again =
            dispatch.kind == DispatchKind::Reconcile && text("input") == Some(input) && started >= scheduled;
        (ours || again).then(|| {
            let answer = [
                ("executionArn", Value::from(arn)),
                ("startDate", child.get("startDate").cloned().unwrap_or_default()),
            ];
            Value::Object(answer.into_iter().collect()).to_json()
        })
    }

    async fn describe(&self, api: &Local, tenant: &Tenant, arn: &str) -> Result<String, Refused> {
        api.call(tenant, "DescribeExecution", [("executionArn", arn)].into_iter().collect()).await
    }

    /// Looks whether a child has ended; if it hasn't, its end will have it looked at again.
    async fn look(&self, attached: &Attached, dispatch: &Dispatch) -> Option<Report> {
        let child = dispatch.external_ref.as_ref()?;
        self.watched.watch(dispatch.task.clone(), child);
        match self.ended(attached, dispatch, child).await {
            Ok(ended) => ended,
            Err(failure) => Some(failure.into()),
        }
    }

    async fn ended(
        &self,
        attached: &Attached,
        dispatch: &Dispatch,
        child: &str,
    ) -> Result<Option<Report>, Failure> {
        let Prepared { resource, tenant, .. } = self.prepared(dispatch)?;
        let call = Call::named(self.integrations.catalog(), "DescribeExecution", Dialect::Optimized)?;
        let members = [("executionArn", child)].into_iter().collect();
        let answer = call.make(&attached.api, &tenant, members).await.map_err(|why| call.failure(&why))?;
        let version = if let Pattern::Job(version) = resource.pattern { version } else { 1 };
        let shown = described(call.shown(&answer), version);
        Ok(match shown.get("Status").and_then(Value::as_str) {
            Some("RUNNING" | "PENDING_REDRIVE") => None,
            Some("SUCCEEDED") => Some(Report::Succeeded(shown.into())),
            _ => Some(Failure { error: "States.TaskFailed".to_owned(), cause: shown.to_json() }.into()),
        })
    }

    /// Stops the child, whichever it is. There may be none.
    async fn cancel(&self, attached: &Attached, dispatch: &Dispatch) -> Report {
        let Ok(Prepared { call, tenant, .. }) = self.prepared(dispatch) else { return Report::Cancelled };
        let child = dispatch.external_ref.clone().or_else(|| {
            let parameters = dispatch.parameters.as_ref()?;
            child_arn(&named(call.members(parameters.value()).ok()?, dispatch)).map(Str::from)
        });
        let Some(child) = child else { return Report::Cancelled };
        loop {
            let members = [("executionArn", &*child)].into_iter().collect();
            match attached.api.call(&tenant, "StopExecution", members).await {
                Err(refused) if refused.status >= 500 => tokio::time::sleep(AGAIN).await,
                Ok(_) | Err(_) => return Report::Cancelled,
            }
        }
    }
}

/// The members of a start with a name: the attempt's own where the task gave none.
fn named(members: Object, dispatch: &Dispatch) -> Object {
    if members.contains_key("name") {
        return members;
    }
    let mut members = members.to_builder();
    members.insert("name", dispatch.submit_token.clone());
    members.build()
}

/// The ARN of the Standard execution that a start with these members makes.
fn child_arn(members: &Object) -> Option<String> {
    // What follows is the test case that answers the child's tasks.
    let machine = members.get("stateMachineArn")?.as_str()?.split('#').next()?;
    let machine: StateMachineArn = machine.parse().ok()?;
    let name = members.get("name")?.as_str()?;
    let machine = machine.unqualified().to_string();
    Some(format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_named_by_its_machine_without_qualifier() {
        let members = |arn: &str| [("stateMachineArn", arn), ("name", "n")].into_iter().collect::<Object>();
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
        let child = "arn:aws:states:us-east-1:000000000000:execution:m:n";
        for arn in
            [machine.to_owned(), format!("{machine}:7"), format!("{machine}:PROD"), format!("{machine}#Case")]
        {
            assert_eq!(child_arn(&members(&arn)).as_deref(), Some(child));
        }
        assert_eq!(child_arn(&members("nonsense")), None);
    }
}

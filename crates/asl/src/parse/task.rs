//! The Task state.

use newel_value::Str;

use super::Compiler;
use super::node::{self, Node};
use crate::catalog::{Pattern, Resource};
use crate::machine_type::MachineType;
use crate::plan::{Call, Setting, Task, Template};

impl Compiler<'_> {
    pub(super) fn task(&mut self, node: &Node<'_>) -> Option<Task> {
        let parameters = self.arguments(node);
        let result_selector = self.template(node, "ResultSelector");
        let result_path = self.result_path(node);
        let timeout_seconds =
            self.integer_setting(node, ["TimeoutSeconds", "TimeoutSecondsPath"], node::TIMEOUT);
        let heartbeat_seconds =
            self.integer_setting(node, ["HeartbeatSeconds", "HeartbeatSecondsPath"], node::TIMEOUT);
        if let (Some(Setting::Value(timeout)), Some(Setting::Value(heartbeat))) =
            (&timeout_seconds, &heartbeat_seconds)
            && heartbeat >= timeout
        {
            self.fault("HeartbeatSeconds must be smaller than TimeoutSeconds", node.at("HeartbeatSeconds"));
        }
        let retry = self.retry(node);
        let catch = self.catch(node);
        let transition = self.transition(node);
        let credentials = self.credentials(node);
        if !self.required(node, &["Resource"]) {
            return None;
        }
        let arn = self.string(node, "Resource")?;
        let call = call(&arn);
        let resource = self.resource(node, &arn, call)?;
        Some(Task {
            resource,
            call,
            parameters,
            result_selector,
            result_path,
            timeout_seconds,
            heartbeat_seconds,
            credentials,
            retry,
            catch,
            transition: transition?,
        })
    }

    /// What a Resource names, and what is wrong with the parameters given to it.
    fn resource(&mut self, node: &Node<'_>, arn: &Str, call: Call) -> Option<Resource> {
        if !arn.starts_with("arn:") {
            self.fault("Value is not a valid resource ARN", node.at("Resource"));
            return None;
        }
        if call == Call::Activity {
            return Some(self.activity(node, arn));
        }
        let resource = match self.catalog.resolve(arn) {
            Ok(resource) => resource,
            Err(fault) => {
                self.fault(fault.message, format!("{}{}", node.location, fault.pointer));
                return None;
            }
        };
        if self.machine_type == MachineType::Express && !resource.express {
            self.fault(not_in_express(resource.pattern), node.at("Resource"));
        }
        let field = self.parameters_field();
        if let Some(parameters) = node.get(field).filter(|_| call == Call::Service) {
            for fault in self.catalog.check_template(&resource, field, parameters) {
                self.fault(fault.message, format!("{}{}", node.location, fault.pointer));
            }
        }
        Some(resource)
    }

    /// An activity as a resource: nobody but its workers knows it, so there is nothing to ask a catalog.
    fn activity(&mut self, node: &Node<'_>, arn: &Str) -> Resource {
        if node.has("Credentials") {
            self.fault_in(node, "The field 'Credentials' is not supported for activities");
        }
        if self.machine_type == MachineType::Express {
            self.fault("Express state machine does not support Activity ARN", node.at("Resource"));
        }
        Resource {
            arn: arn.clone(),
            family: ACTIVITY.into(),
            resource_type: ACTIVITY.into(),
            action: ACTIVITY.into(),
            pattern: Pattern::Callback,
            express: false,
        }
    }

    fn credentials(&mut self, node: &Node<'_>) -> Option<Template> {
        let written = self.object(node, "Credentials")?;
        self.known_fields(&written, &[&["RoleArn"], if self.is_jsonata() { &[] } else { &["RoleArn.$"] }]);
        if !written.has("RoleArn") && (self.is_jsonata() || !written.has("RoleArn.$")) {
            self.fault_in(&written, "The field 'RoleArn' is required but was missing");
        }
        let _: Option<Str> = self.string(&written, "RoleArn");
        self.template_or_value(node, "Credentials")
    }
}

/// Why a resource of that pattern can't run in an Express machine. The blank at the end of the second is AWS's.
const fn not_in_express(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Job(_) => "Express state machine does not support '.sync' service integration",
        Pattern::Callback => {
            "Express state machine does not support '.waitForTaskToken' service integration "
        }
        Pattern::RequestResponse => "Express state machine does not support this service integration",
    }
}

/// The family, type and action of an activity as a resource. No worker program serves it.
const ACTIVITY: &str = "activity";

/// Who carries out a resource: `arn:PARTITION:states:REGION:ACCOUNT:activity:NAME` is an activity,
/// `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME` a function.
fn call(arn: &str) -> Call {
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    match parts[..] {
        ["arn", _, "states", _, _, "activity", name] if !name.is_empty() => Call::Activity,
        ["arn", _, "lambda", _, _, "function", _] => Call::Function,
        _ => Call::Service,
    }
}

//! The Task state.

use newel_value::Str;

use super::Compiler;
use super::node::{self, Node};
use crate::catalog::{Pattern, Resource};
use crate::machine_type::MachineType;
use crate::plan::{Setting, Task, Template};

impl Compiler<'_> {
    pub(super) fn task(&mut self, node: &Node<'_>) -> Option<Task> {
        let parameters = self.template(node, "Parameters");
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
        let resource = self.string(node, "Resource").and_then(|arn| self.resource(node, &arn))?;
        Some(Task {
            resource,
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
    fn resource(&mut self, node: &Node<'_>, arn: &Str) -> Option<Resource> {
        if !arn.starts_with("arn:") {
            self.fault("Value is not a valid resource ARN", node.at("Resource"));
            return None;
        }
        if is_activity(arn) && !self.activity(node) {
            return None;
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
        if let Some(parameters) = node.get("Parameters") {
            for fault in self.catalog.check_template(&resource, "Parameters", parameters) {
                self.fault(fault.message, format!("{}{}", node.location, fault.pointer));
            }
        }
        Some(resource)
    }

    /// Whether an activity may be the resource here.
    fn activity(&mut self, node: &Node<'_>) -> bool {
        if node.has("Credentials") {
            self.fault_in(node, "The field 'Credentials' is not supported for activities");
        }
        let express = self.machine_type == MachineType::Express;
        if express {
            self.fault("Express state machine does not support Activity ARN", node.at("Resource"));
        }
        !express
    }

    fn credentials(&mut self, node: &Node<'_>) -> Option<Template> {
        let written = self.object(node, "Credentials")?;
        if !written.has("RoleArn") && !written.has("RoleArn.$") {
            self.fault_in(&written, "The field 'RoleArn' is required but was missing");
        }
        let _: Option<Str> = self.string(&written, "RoleArn");
        self.template(node, "Credentials")
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

/// Whether an ARN names an activity: `arn:PARTITION:states:REGION:ACCOUNT:activity:NAME`.
fn is_activity(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    matches!(parts[..], ["arn", _, "states", _, _, "activity", _])
}

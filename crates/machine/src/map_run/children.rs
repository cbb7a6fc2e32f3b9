//! The children of a map run: what they are called and what they run.

use newel_asl::MachineType;
use newel_asl::limits::Limits;
use newel_asl::plan::Plan;
use newel_asl::timestamp::Timestamp;
use newel_value::{Payload, Str};
use sha2::{Digest as _, Sha256};

use crate::execution::Info;

/// The names of a map run's children, which are the same whenever they are asked for.
#[derive(Clone, Copy, Debug)]
pub struct ChildNames<'a> {
    /// The run's ARN.
    pub run_arn: &'a str,
    /// The ARN of the machine that children are executions of: `…:stateMachine:NAME/LABEL`.
    pub machine_arn: &'a str,
    /// Whether their ARNs are those of Express executions.
    pub express: bool,
}

impl ChildNames<'_> {
    /// The ARN and the name of the child of that number.
    #[must_use]
    pub fn of(&self, index: u32) -> (Str, Str) {
        let name = uuid_of("child", self.run_arn, index);
        let of = |kind: &str| self.machine_arn.replace(":stateMachine:", &format!(":{kind}:"));
        let arn = if self.express {
            format!("{}:{name}:{}", of("express"), uuid_of("express child", self.run_arn, index))
        } else {
            format!("{}:{name}", of("execution"))
        };
        (arn.into(), name.into())
    }
}

/// A UUID derived from a run and a child's number. Children are found by these, so they never change.
fn uuid_of(what: &str, run_arn: &str, index: u32) -> String {
    let mut hash = Sha256::new();
    for part in [what.as_bytes(), run_arn.as_bytes(), &index.to_be_bytes()] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    let mut bits = [0; 16];
    bits.copy_from_slice(&hash[..16]);
    // Version 8: made of what its maker likes.
    bits[6] = bits[6] & 0x0F | 0x80;
    bits[8] = bits[8] & 0x3F | 0x80;
    let [a, b, c, d, e] = [&bits[..4], &bits[4..6], &bits[6..8], &bits[8..10], &bits[10..]].map(hex::encode);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// What is fixed of a child that starts now, `parent` being the execution that the run belongs to.
#[must_use]
pub fn child_info(
    parent: &Info,
    names: ChildNames<'_>,
    index: u32,
    input: Payload,
    started_at: Timestamp,
) -> Info {
    let (arn, name) = names.of(index);
    Info {
        arn,
        name,
        machine_arn: names.machine_arn.into(),
        machine_name: names.machine_arn.rsplit(':').next().unwrap_or_default().into(),
        started_at,
        input,
        alias_arn: None,
        version_arn: None,
        ..parent.clone()
    }
}

/// What the children of a distributed Map run, with the time that they may take for it.
#[must_use]
pub fn child_plan(plan: &Plan, state: &str, limits: &Limits) -> Option<Plan> {
    let (.., distributed) = plan.distributed_map(state)?;
    let express = distributed.execution_type == MachineType::Express;
    let mut child = plan.child(state)?;
    child.timeout_seconds = express.then_some(limits.express_seconds);
    Some(child)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_have_always_been() {
        let names = ChildNames {
            run_arn: "arn:aws:states:us-east-1:000000000000:mapRun:m/L:r",
            machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m/L",
            express: false,
        };
        let (arn, name) = names.of(7);
        assert_eq!(&*name, "583c9b6e-8ab9-8238-9683-91e47225e72f");
        assert_eq!(
            *arn,
            *"arn:aws:states:us-east-1:000000000000:execution:m/L:583c9b6e-8ab9-8238-9683-91e47225e72f"
        );
        let (arn, same) = ChildNames { express: true, ..names }.of(7);
        assert_eq!(same, name);
        assert_eq!(
            *arn,
            *"arn:aws:states:us-east-1:000000000000:express:m/L:583c9b6e-8ab9-8238-9683-91e47225e72f:74f05ee7-240b-8973-8e58-79edc2115604"
        );
    }
}

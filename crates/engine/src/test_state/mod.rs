//! TestState: one state by itself, on no execution's record
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html>).
//!
//! A state that needs nothing outside is over in one go. A Task without a mock is a real call, made the way Express
//! executions make theirs.

mod checks;
mod context;

use std::sync::Arc;

use newel_asl::catalog::{Pattern, Resource};
use newel_asl::error::TIMEOUT;
use newel_asl::plan::{Kind, Plan, State};
use newel_asl::{LONE_STATE, MachineType};
use newel_machine::{
    Budget, Fault, Info, Progress, Setup, StateTest, TaskKey, TaskReport, TokenIssuer, World,
};
use newel_value::Str;

use crate::engine::Inner;
use crate::ids::uuid;
use crate::request::{TestState, TestedState};
use crate::{Error, ErrorKind};

/// The longest a test may take, as AWS bounds it.
const LONGEST_MILLIS: i64 = 300_000;

/// A state under test with what a turn of it needs.
struct Tested {
    info: Arc<Info>,
    test: StateTest,
    plan: Plan,
    token: Token,
}

/// The token that the context object of a state under test shows: nothing waits for it.
struct Token(Str);

impl TokenIssuer for Token {
    fn issue(&self, _task: &TaskKey, _secret: [u8; 16]) -> Str {
        self.0.clone()
    }
}

impl Inner {
    pub(crate) async fn test_state(self: &Arc<Self>, request: TestState) -> Result<TestedState, Error> {
        let inner = Arc::clone(self);
        let (trace, mut exchange) = (request.trace, None);
        let until = self.env.now().plus_millis(LONGEST_MILLIS);
        let (mut tested, mut progress) = self
            .computed(move || {
                let mut tested = inner.set_up(request)?;
                let progress = inner.go_on(&mut tested, StateTest::start);
                Ok::<_, Error>((tested, progress))
            })
            .await??;
        loop {
            let task = match progress {
                Progress::Done(told) => return Ok(TestedState { told: *told, exchange }),
                Progress::Senseless(why) => return Err(Error::new(ErrorKind::Validation, why)),
                Progress::Call(task) => task,
            };
            let until = task.deadline.map_or(until, |deadline| deadline.min(until));
            let trace = trace.filter(|_| is_http_task(&task.resource));
            let called = self.call_alone(&tested.info, *task, trace, until).await?;
            exchange = called.exchange;
            let timed_out = || TaskReport::Failed(Fault { error: Some(TIMEOUT.into()), cause: None });
            let report = called.end.unwrap_or_else(timed_out);
            let inner = Arc::clone(self);
            (tested, progress) = self
                .computed(move || {
                    let progress = inner.go_on(&mut tested, |test, world| test.report(report, world));
                    (tested, progress)
                })
                .await?;
        }
    }

    /// Compiles and checks a test.
    fn set_up(&self, request: TestState) -> Result<Tested, Error> {
        let plan = self.lone(&request)?;
        let state = plan.root.find(LONE_STATE).cloned();
        let state = state.ok_or_else(checks::state_not_found)?;
        checks::check(&request, &state, &*self.catalog)?;
        let token = Token(uuid(&*self.env).into());
        let info = Arc::new(self.made_up(&request));
        let context = match request.context {
            Some(given) => given,
            None => context::made_up(&info, request.role_arn.as_deref(), &state, &token.0, request.retries),
        };
        let test = StateTest::new(Setup {
            language: state.language,
            info: Arc::clone(&info),
            context,
            variables: request.variables,
            mock: request.mock.map(|mock| mock.outcome),
            retries: request.retries.unwrap_or(0),
            read_items: request.read_items,
            failed_iterations: request.failed_iterations,
        });
        Ok(Tested { info, test, plan, token })
    }

    /// The plan with the state under test alone.
    fn lone(&self, request: &TestState) -> Result<Plan, Error> {
        let refused =
            |found: newel_asl::Diagnostics| Error::new(ErrorKind::InvalidDefinition, found.to_string());
        let Some(name) = &request.state_name else {
            return newel_asl::compile_state(&request.definition, &*self.catalog, &self.limits)
                .map_err(refused);
        };
        let standard = MachineType::Standard;
        let plan = newel_asl::compile(&request.definition, standard, &*self.catalog, &self.limits);
        let plan = plan.map_err(refused)?;
        let state = plan.root.find(name).ok_or_else(checks::state_not_found)?;
        Ok(Plan::of_state(state, LONE_STATE))
    }

    /// What an execution's context tells of a state that belongs to none.
    fn made_up(&self, request: &TestState) -> Info {
        let (machine, name) = (uuid(&*self.env), uuid(&*self.env));
        let within = |what: &str| {
            format!("arn:aws:states:{}:{}:{what}", request.tenant.region, request.tenant.account)
        };
        Info {
            arn: within(&format!("express:{machine}:{name}")).into(),
            machine_arn: within(&format!("stateMachine:{machine}")).into(),
            name: name.into(),
            machine_name: machine.into(),
            role_arn: request.role_arn.clone().unwrap_or_default(),
            account: request.tenant.account.clone(),
            region: request.tenant.region.clone(),
            started_at: self.env.now(),
            input: request.input.clone(),
            alias_arn: None,
            version_arn: None,
        }
    }

    /// Runs a state under test as far as it goes.
    fn go_on(
        &self,
        tested: &mut Tested,
        step: impl FnOnce(&mut StateTest, World<'_>) -> Progress,
    ) -> Progress {
        let Tested { test, plan, token, .. } = tested;
        let world = World {
            plan,
            limits: &self.limits,
            catalog: &*self.catalog,
            tokens: token,
            activity_exists: &|_| true,
            now: self.env.now(),
            random: &|| self.env.random(),
            budget: Budget {
                events: self.options.turn_events,
                bytes: self.options.turn_bytes,
                expired: &|| false,
            },
        };
        step(test, world)
    }
}

/// Whether it is `http:invoke`, the one resource whose requests and responses AWS tells.
fn is_http_task(resource: &Resource) -> bool {
    (&*resource.resource_type, &*resource.action) == ("http", "invoke")
}

/// Whether a state waits for something else than the answer to a call.
fn waits_for_more(state: &State) -> bool {
    match &state.kind {
        Kind::Task(task) => task.resource.pattern != Pattern::RequestResponse,
        Kind::Pass(_)
        | Kind::Choice(_)
        | Kind::Wait(_)
        | Kind::Succeed
        | Kind::Fail(_)
        | Kind::Parallel(_)
        | Kind::Map(_) => false,
    }
}

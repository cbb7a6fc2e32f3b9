//! The plan: a definition compiled for the interpreter.
//!
//! A plan is immutable and shared by all executions of a revision. States are found by their scope and name, never by
//! an index into the plan, because what is stored of an execution must outlive a change of this layout.

use std::collections::HashMap;
use std::sync::Arc;

use newel_jsonpath::{JsonPath, ReferencePath};
use newel_value::{Number, Object, Str, Value};

use crate::catalog::Resource;
use crate::intrinsic;
use crate::machine_type::MachineType;
use crate::timestamp::{Moment, Timestamp};

/// A compiled definition.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The outermost `States` map.
    pub root: Arc<Scope>,
    /// `TimeoutSeconds` of the whole machine.
    pub timeout_seconds: Option<u64>,
    /// All distributed Maps by name, however deep they stand.
    pub distributed: Arc<HashMap<Str, Arc<State>>>,
}

impl Plan {
    /// A distributed Map of that name.
    #[must_use]
    pub fn distributed_map(&self, name: &str) -> Option<(&Arc<State>, &Map, &Distributed)> {
        let state = self.distributed.get(name)?;
        let Kind::Map(map) = &state.kind else { return None };
        Some((state, map, map.distributed.as_deref()?))
    }

    /// What the children of a distributed Map run.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<Self> {
        let (_, map, _) = self.distributed_map(name)?;
        Some(Self {
            root: map.processor.clone(),
            timeout_seconds: None,
            distributed: self.distributed.clone(),
        })
    }
}

impl Plan {
    /// A plan whose only state is this one, under another name. Where it leads isn't there.
    #[must_use]
    pub fn of_state(state: &State, name: &str) -> Self {
        let name = Str::from(name);
        let state = State { name: name.clone(), ..state.clone() };
        let states = HashMap::from([(name.clone(), Arc::new(state))]);
        let root = Arc::new(Scope { start_at: name, states });
        Self { root, timeout_seconds: None, distributed: Arc::default() }
    }
}

impl Scope {
    /// A state by its name, in the scopes within too. Names are unique in a definition, and nesting is bounded.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<State>> {
        self.states.get(name).or_else(|| {
            self.states.values().find_map(|state| match &state.kind {
                Kind::Parallel(parallel) => parallel.branches.iter().find_map(|branch| branch.find(name)),
                Kind::Map(map) => map.processor.find(name),
                Kind::Pass(_)
                | Kind::Task(_)
                | Kind::Choice(_)
                | Kind::Wait(_)
                | Kind::Succeed
                | Kind::Fail(_) => None,
            })
        })
    }
}

/// One `States` map: the machine's, a Parallel branch's or a Map's item processor.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Where it begins.
    pub start_at: Str,
    /// Its states by name.
    pub states: HashMap<Str, Arc<State>>,
}

/// A state.
#[derive(Clone, Debug)]
pub struct State {
    /// Its name, unique in the definition.
    pub name: Str,
    /// The language of its expressions.
    pub language: QueryLanguage,
    /// What it is and does.
    pub kind: Kind,
    /// `InputPath`; the whole in a JSONata state.
    pub input_path: DataPath,
    /// `OutputPath`; the whole in a JSONata state.
    pub output_path: DataPath,
    /// `Assign`: variables set when the state is left. Choice rules and catchers have their own.
    pub assign: Option<Template>,
    /// `Output` of a JSONata state. Choice rules and catchers have their own.
    pub output: Option<Template>,
}

/// The languages that say how data is selected and made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryLanguage {
    /// `JSONPath`: paths and intrinsic functions.
    #[default]
    JsonPath,
    /// `JSONata`: expressions between `{%` and `%}`.
    Jsonata,
}

/// The eight state types.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `Pass`
    Pass(Pass),
    /// `Task`
    Task(Box<Task>),
    /// `Choice`
    Choice(Choice),
    /// `Wait`
    Wait(Wait),
    /// `Succeed`
    Succeed,
    /// `Fail`
    Fail(Fail),
    /// `Parallel`
    Parallel(Box<Parallel>),
    /// `Map`
    Map(Box<Map>),
}

impl Kind {
    /// The type's name as definitions and history events have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pass(_) => "Pass",
            Self::Task(_) => "Task",
            Self::Choice(_) => "Choice",
            Self::Wait(_) => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail(_) => "Fail",
            Self::Parallel(_) => "Parallel",
            Self::Map(_) => "Map",
        }
    }
}

/// Where a state leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// `Next`
    Next(Str),
    /// `End: true`
    End,
}

/// `InputPath` or `OutputPath`.
#[derive(Clone, Debug)]
pub enum DataPath {
    /// Absent or `$`: the whole.
    Whole,
    /// `null`: an empty object.
    Empty,
    /// A path.
    Path(Query),
}

/// `ResultPath`.
#[derive(Clone, Debug)]
pub enum ResultPath {
    /// Absent or `$`: the result replaces the input.
    Replace,
    /// `null`: the result is dropped.
    Discard,
    /// The result goes there in the input.
    At(ReferencePath),
}

/// Where a value of a JSONPath state comes from at run time.
#[derive(Clone, Debug)]
pub enum Query {
    /// `$…`: a path into the state's data.
    Input(JsonPath),
    /// `$$…`: a path into the context object; the path is kept without its first `$`.
    Context(JsonPath),
    /// `$name…`: a variable, and the path into it.
    Variable(Str, JsonPath),
    /// An intrinsic function call.
    Intrinsic(Box<intrinsic::Call>),
}

/// An expression and the text it was written as, for messages.
#[derive(Clone, Debug)]
pub struct Expression {
    /// As the definition has it.
    pub source: Str,
    /// What it means.
    pub query: Query,
}

/// A JSONata expression and the place where it is written.
#[derive(Clone, Debug)]
pub struct Jsonata {
    /// The field of its state, as errors name it: `Arguments/Payload/items[0]`.
    pub field: Str,
    /// What it means; its source is the text between `{%` and `%}` without the blanks around.
    pub expression: newel_jsonata::Expression,
}

/// A payload template (`Parameters`, `ResultSelector`, `ItemSelector`, `Assign`, `Arguments`, `Output` …).
#[derive(Clone, Debug)]
pub enum Template {
    /// Nothing in it is computed.
    Literal(Value),
    /// All of it is a JSONata expression.
    Jsonata(Box<Jsonata>),
    /// An object with computed members somewhere below.
    Object(Vec<(Str, TemplateMember)>),
    /// An array with computed elements somewhere below.
    Array(Vec<Self>),
}

/// A member of an object template.
#[derive(Clone, Debug)]
pub enum TemplateMember {
    /// A nested template under this name.
    Nested(Template),
    /// `"name.$"`: computed; the name is without the suffix, `field` is with it.
    Computed {
        /// The name as written, `.$` included, for messages.
        field: Str,
        /// What computes it.
        expression: Expression,
    },
}

/// A number that is written in the definition or read from the state's data.
#[derive(Clone, Debug)]
pub enum Setting<T> {
    /// As written.
    Value(T),
    /// `…Path`: read when the state is entered.
    Path(Expression),
    /// A JSONata expression, evaluated when the state is entered.
    Jsonata(Box<Jsonata>),
}

/// `Pass`.
#[derive(Clone, Debug)]
pub struct Pass {
    /// `Result`.
    pub result: Option<Value>,
    /// `Parameters`.
    pub parameters: Option<Template>,
    /// `ResultPath`.
    pub result_path: ResultPath,
    /// Where it leads.
    pub transition: Transition,
}

/// `Task`.
#[derive(Clone, Debug)]
pub struct Task {
    /// What it calls.
    pub resource: Resource,
    /// Who carries it out.
    pub call: Call,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`.
    pub result_path: ResultPath,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`.
    pub timeout_seconds: Option<Setting<u64>>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`.
    pub heartbeat_seconds: Option<Setting<u64>>,
    /// `Credentials`: its `RoleArn` once evaluated is the role assumed for the call.
    pub credentials: Option<Template>,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub transition: Transition,
}

/// Who carries a Task out, and so which events tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A service's API: `Task…` events.
    Service,
    /// A Lambda function named by its own ARN: `LambdaFunction…` events.
    Function,
    /// An activity, whose workers fetch their tasks: `Activity…` events.
    Activity,
}

/// `Choice`.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The rules in order.
    pub rules: Vec<ChoiceRule>,
    /// `Default`.
    pub default: Option<Str>,
}

/// One rule of a Choice.
#[derive(Clone, Debug)]
pub struct ChoiceRule {
    /// When it applies.
    pub condition: Condition,
    /// Where it leads.
    pub next: Str,
    /// Its `Assign`, which replaces the state's when the rule applies.
    pub assign: Option<Template>,
    /// Its `Output`, which replaces the state's when the rule applies.
    pub output: Option<Template>,
}

/// A condition of a Choice rule.
#[derive(Clone, Debug)]
pub enum Condition {
    /// `And`
    And(Vec<Self>),
    /// `Or`
    Or(Vec<Self>),
    /// `Not`
    Not(Box<Self>),
    /// A test of one variable.
    Test {
        /// `Variable`.
        variable: Expression,
        /// The operator and what it compares with.
        test: Test,
    },
    /// `Condition` as a literal.
    Constant(bool),
    /// `Condition` as an expression.
    Jsonata(Box<Jsonata>),
}

/// An operator of a Choice rule with its operand.
#[derive(Clone, Debug)]
pub enum Test {
    /// `IsBoolean` … `IsTimestamp`: whether the type is that one, against the expected answer.
    Is(TypeTest, bool),
    /// `StringEquals` …
    String(Comparison, Operand<Str>),
    /// `StringMatches`, a pattern with `*`.
    Matches(Str),
    /// `NumericEquals` …
    Numeric(Comparison, Operand<Number>),
    /// `BooleanEquals`
    Boolean(Operand<bool>),
    /// `TimestampEquals` …
    Timestamp(Comparison, Operand<Moment>),
}

/// What an operator compares with.
#[derive(Clone, Debug)]
pub enum Operand<T> {
    /// As written.
    Literal(T),
    /// `…Path`: read from the state's data.
    Path(Expression),
}

/// The five comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `Equals`
    Equal,
    /// `LessThan`
    Less,
    /// `LessThanEquals`
    LessOrEqual,
    /// `GreaterThan`
    Greater,
    /// `GreaterThanEquals`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether an ordering satisfies it.
    #[must_use]
    pub const fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// The type tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeTest {
    /// `IsBoolean`
    Boolean,
    /// `IsNull`
    Null,
    /// `IsNumeric`
    Numeric,
    /// `IsPresent`
    Present,
    /// `IsString`
    String,
    /// `IsTimestamp`
    Timestamp,
}

/// `Wait`.
#[derive(Clone, Debug)]
pub struct Wait {
    /// Until when.
    pub until: WaitUntil,
    /// Where it leads.
    pub transition: Transition,
}

/// How a Wait says its end.
#[derive(Clone, Debug)]
pub enum WaitUntil {
    /// `Seconds` or `SecondsPath`: so long.
    Seconds(Setting<u64>),
    /// `Timestamp` or `TimestampPath`: until then.
    Timestamp(Setting<Timestamp>),
}

/// `Fail`.
#[derive(Clone, Debug)]
pub struct Fail {
    /// `Error` or `ErrorPath`.
    pub error: Option<Setting<Str>>,
    /// `Cause` or `CausePath`.
    pub cause: Option<Setting<Str>>,
}

/// `Parallel`.
#[derive(Clone, Debug)]
pub struct Parallel {
    /// `Branches`.
    pub branches: Vec<Arc<Scope>>,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`.
    pub result_path: ResultPath,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub transition: Transition,
}

/// `Map`.
#[derive(Clone, Debug)]
pub struct Map {
    /// `ItemProcessor` (or the older `Iterator`).
    pub processor: Arc<Scope>,
    /// `ItemsPath`.
    pub items_path: Option<Expression>,
    /// `Items` of a JSONata state.
    pub items: Option<Template>,
    /// `ItemSelector` (or the older `Parameters`).
    pub item_selector: Option<Template>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; 0 means no limit of the user's.
    pub max_concurrency: Setting<u64>,
    /// `ToleratedFailureCount` or its `…Path`.
    pub tolerated_failure_count: Option<Setting<u64>>,
    /// `ToleratedFailurePercentage` or its `…Path`.
    pub tolerated_failure_percentage: Option<Setting<f64>>,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`.
    pub result_path: ResultPath,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub transition: Transition,
    /// What only a distributed Map has; `None` for an inline one.
    pub distributed: Option<Box<Distributed>>,
}

/// What makes a Map distributed: its items are worked on by child executions of a map run, not by frames of this execution.
#[derive(Clone, Debug)]
pub struct Distributed {
    /// `Label`, or what stands for it: a text that is always the same for this state of this definition.
    pub label: Str,
    /// The text of the `ItemProcessor`: the definition that the children run.
    pub definition: Str,
    /// `ExecutionType`: what kind of executions the children are.
    pub execution_type: MachineType,
    /// `ItemReader`: where the items come from, unless from the state's input.
    pub reader: Option<ItemReader>,
    /// `ItemBatcher`
    pub batcher: Option<Batcher>,
    /// `ResultWriter`
    pub writer: Option<ResultWriter>,
}

/// `ItemReader`
#[derive(Clone, Debug)]
pub struct ItemReader {
    /// `Resource`: what reads them.
    pub resource: Str,
    /// `Parameters`
    pub parameters: Option<Template>,
    /// `ReaderConfig` but for `MaxItems`.
    pub config: Object,
    /// `MaxItems` or `MaxItemsPath`; 0 means all.
    pub max_items: Option<Setting<u64>>,
}

/// `ItemBatcher`: how many items a child gets at once. At least one limit is set.
#[derive(Clone, Debug)]
pub struct Batcher {
    /// `MaxItemsPerBatch` or its `…Path`.
    pub max_items: Option<Setting<u64>>,
    /// `MaxInputBytesPerBatch` or its `…Path`.
    pub max_bytes: Option<Setting<u64>>,
    /// `BatchInput`
    pub input: Option<Template>,
}

/// `ResultWriter`
#[derive(Clone, Debug)]
pub struct ResultWriter {
    /// `Resource` and `Parameters`: where results go, unless into the state's result.
    pub destination: Option<(Str, Option<Template>)>,
    /// `WriterConfig.Transformation`
    pub transformation: Transformation,
    /// `WriterConfig.OutputType` is `JSONL`.
    pub json_lines: bool,
}

/// What is kept of a child that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Transformation {
    /// Its output with what DescribeExecution tells of it.
    None,
    /// Its output.
    Compact,
    /// Its output; an array's elements one by one.
    Flatten,
}

/// One retrier.
#[derive(Clone, Debug)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub error_equals: Vec<Str>,
    /// `IntervalSeconds`, 1 unless written.
    pub interval_seconds: u64,
    /// `MaxAttempts`, 3 unless written; 0 means never.
    pub max_attempts: u64,
    /// `BackoffRate`, 2.0 unless written.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_seconds: Option<u64>,
    /// `JitterStrategy: FULL`.
    pub full_jitter: bool,
}

/// One catcher.
#[derive(Clone, Debug)]
pub struct Catcher {
    /// `ErrorEquals`.
    pub error_equals: Vec<Str>,
    /// Where it leads.
    pub next: Str,
    /// `ResultPath`: where the error output goes.
    pub result_path: ResultPath,
    /// Its `Assign`, which replaces the state's.
    pub assign: Option<Template>,
    /// Its `Output`, which replaces the error output.
    pub output: Option<Template>,
}

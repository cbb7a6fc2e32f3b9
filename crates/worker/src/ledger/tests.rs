use std::time::UNIX_EPOCH;

use super::state::SETTLED_CAPACITY;
use super::*;
use crate::attempt::Identity;

const CREDIT: Credit = Credit { count: 2, bytes: 100 };

fn home(name: &str) -> Home {
    name.into()
}

fn attempt(entry: u64, pattern: Pattern) -> Attempt {
    Attempt {
        task: TaskKey { execution: [1; 16], frame: "".into(), entry, attempt: 0 },
        resource: "arn:aws:states:::batch:submitJob.sync".into(),
        pattern,
        identity: Identity {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            machine_role: "".into(),
            task_role: None,
        },
        execution_arn: "".into(),
        state_name: "S".into(),
        parameters: Some(Payload::from_checked_text("{\"a\":1}")),
        submit_token: "t".into(),
        external_ref: None,
        deadline: None,
        heartbeat: None,
        traceparent: "".into(),
        scheduled_at: UNIX_EPOCH,
        submitted_at: None,
        http_trace: None,
    }
}

fn job(entry: u64) -> Attempt {
    attempt(entry, Pattern::Job)
}

fn started(id: &str) -> Started {
    Started { external_ref: ExternalRef::new(id), output: Payload::from_checked_text("{}") }
}

/// A ledger with one open home.
fn ledger() -> (Ledger, Home) {
    let ledger = Ledger::new(CREDIT);
    let home = home("a:1");
    ledger.open(&home, &[], &FxHashSet::default());
    (ledger, home)
}

fn runs(step: Result<Step, CreditExceeded>) -> bool {
    matches!(step.unwrap(), Step::Run(..))
}

/// Begins with what is held of a task.
fn begin(ledger: &Ledger, task: &TaskKey) -> bool {
    let held = ledger.state.lock().entries.get(task).and_then(|entry| entry.attempt.clone());
    held.is_some_and(|attempt| ledger.begin(&attempt))
}

/// Takes a dispatch that is to be run.
fn taken(ledger: &Ledger, home: &Home, attempt: Attempt, order: Order) -> Arc<Attempt> {
    match ledger.accept(home, attempt, order).unwrap() {
        Step::Run(attempt, _) => attempt,
        Step::Nothing => panic!("it wasn't to be run"),
    }
}

fn kinds(ledger: &Ledger, home: &Home) -> Vec<Kind> {
    ledger.take_reports(home, usize::MAX).iter().map(|told| told.report.kind()).collect()
}

#[test]
fn a_submit_begins_once_however_often_it_is_delivered() {
    let (ledger, home) = ledger();
    let task = job(1).task;
    assert!(runs(ledger.accept(&home, job(1), Order::Submit)));
    assert!(!runs(ledger.accept(&home, job(1), Order::Submit)));
    assert!(begin(&ledger, &task));
    assert!(!begin(&ledger, &task));
    assert!(!runs(ledger.accept(&home, job(1), Order::Reconcile)));
    ledger.submitted(&task, started("j"));
    assert_eq!(kinds(&ledger, &home), [Kind::Submitted]);
    assert!(!runs(ledger.accept(&home, job(1), Order::Submit)));
    assert_eq!(kinds(&ledger, &home), [Kind::Submitted], "a redelivery is answered with what is known");

    assert!(matches!(ledger.acknowledged(&task, Kind::Submitted, false), Acknowledged::Watch(..)));
    ledger.ended(&task, Report::Succeeded(Payload::default()));
    assert_eq!(kinds(&ledger, &home), [Kind::Succeeded]);
    ledger.acknowledged(&task, Kind::Succeeded, false);
    assert_eq!(ledger.len(), 0);
    assert!(!runs(ledger.accept(&home, job(1), Order::Submit)), "not even after its end");
    assert!(runs(ledger.accept(&home, job(1), Order::Watch)), "but a watch is served");
}

#[test]
fn a_report_goes_out_again_until_it_is_acknowledged() {
    let (ledger, home) = ledger();
    let task = job(1).task;
    ledger.accept(&home, job(1), Order::Submit).unwrap();
    begin(&ledger, &task);
    ledger.ended(&task, end_report(Err(Failure::new("E", "c"))));
    assert_eq!(kinds(&ledger, &home), [Kind::Failed]);
    assert_eq!(kinds(&ledger, &home), []);
    ledger.repeat(&home);
    assert_eq!(kinds(&ledger, &home), [Kind::Failed]);

    ledger.close(&home);
    let known = FxHashSet::from_iter([home.clone()]);
    let (_, held) = ledger.greet(&home, &known);
    assert_eq!(held, std::slice::from_ref(&task));
    assert!(ledger.open(&home, &held, &FxHashSet::from_iter(held.clone())).is_empty());
    assert_eq!(kinds(&ledger, &home), [Kind::Failed]);
    ledger.acknowledged(&task, Kind::Failed, false);
    ledger.repeat(&home);
    assert_eq!(kinds(&ledger, &home), []);
    assert_eq!(ledger.len(), 0);
}

#[test]
fn what_a_home_does_not_keep_is_let_go_and_an_orphan_changes_homes() {
    let (ledger, first) = ledger();
    let second = home("b:1");
    for entry in [1, 2] {
        ledger.accept(&first, job(entry), Order::Watch).unwrap();
    }
    ledger.close(&first);
    let both = FxHashSet::from_iter([first.clone(), second.clone()]);
    assert!(ledger.greet(&second, &both).1.is_empty(), "another home's are not offered while it exists");

    let held = ledger.greet(&second, &FxHashSet::from_iter([second.clone()])).1;
    assert_eq!(held.len(), 2);
    let kept = FxHashSet::from_iter([job(1).task]);
    assert!(ledger.open(&second, &held, &kept).is_empty(), "what a stranger doesn't keep stays");
    ledger.ended(&job(1).task, Report::Succeeded(Payload::default()));
    assert_eq!(kinds(&ledger, &second), [Kind::Succeeded]);

    let held = ledger.greet(&first, &both).1;
    assert_eq!(held, [job(2).task]);
    assert_eq!(ledger.open(&first, &held, &FxHashSet::default()), [job(2).task]);
    assert_eq!(ledger.len(), 1);
}

#[test]
fn a_lost_session_forgets_what_has_not_begun() {
    let (ledger, home) = ledger();
    ledger.accept(&home, job(1), Order::Submit).unwrap();
    ledger.accept(&home, job(2), Order::Submit).unwrap();
    begin(&ledger, &job(2).task);
    ledger.close(&home);
    assert!(!begin(&ledger, &job(1).task));
    assert_eq!(ledger.greet(&home, &FxHashSet::default()).1, [job(2).task]);
    assert_eq!(ledger.greet(&home, &FxHashSet::default()).0.count, 1, "what is under way still costs credit");
    ledger.open(&home, &[job(2).task], &FxHashSet::from_iter([job(2).task]));
    assert!(runs(ledger.accept(&home, job(1), Order::Submit)), "it wasn't begun, so it may come again");
}

#[test]
fn a_forgotten_waiter_does_not_begin_in_the_place_of_what_came_after_it() {
    let (ledger, home) = ledger();
    let waiter = taken(&ledger, &home, job(1), Order::Submit);
    ledger.close(&home);
    ledger.open(&home, &[], &FxHashSet::default());
    let after = taken(&ledger, &home, job(1), Order::Reconcile);
    assert!(!ledger.begin(&waiter), "its submit would make no look");
    assert!(ledger.begin(&after));
    assert_eq!(ledger.may_start(&waiter), MayStart::Unwanted);
    assert_eq!(ledger.may_start(&after), MayStart::Yes);
}

#[test]
fn a_reconcile_takes_the_place_of_a_queued_submit() {
    let (ledger, home) = ledger();
    let submit = taken(&ledger, &home, job(1), Order::Submit);
    let reconcile = taken(&ledger, &home, job(1), Order::Reconcile);
    assert!(!ledger.begin(&submit));
    assert!(ledger.begin(&reconcile));
    assert_eq!(ledger.take_refund(&home), Some(Credit { count: 1, bytes: 7 }), "one of the two is under way");
}

#[test]
fn a_start_call_is_made_only_while_it_is_wanted() {
    let check = |change: &dyn Fn(&Ledger, &Home, &TaskKey), expect: MayStart, held: usize| {
        let (ledger, home) = ledger();
        let attempt = taken(&ledger, &home, job(1), Order::Submit);
        assert!(ledger.begin(&attempt));
        assert_eq!(ledger.may_start(&attempt), MayStart::Yes);
        change(&ledger, &home, &attempt.task);
        assert_eq!(ledger.may_start(&attempt), expect);
        assert_eq!(ledger.len(), held);
    };
    let known = |home: &Home| FxHashSet::from_iter([home.clone()]);
    check(&|ledger, home, _| drop(ledger.accept(home, job(1), Order::Cancel)), MayStart::Cancelled, 1);
    check(&|ledger, _, task| assert!(ledger.dropped(task)), MayStart::Unwanted, 0);
    check(&|ledger, _, task| assert!(!ledger.submitted(task, started("j"))), MayStart::Unwanted, 1);
    // Its Reconcile is coming, here or elsewhere.
    check(&|ledger, home, _| ledger.close(home), MayStart::Unwanted, 0);
    // The home is being asked whether it keeps it, and must not be told of what is then forgotten.
    let asked = |ledger: &Ledger, home: &Home| {
        ledger.close(home);
        ledger.greet(home, &known(home)).1
    };
    check(&|ledger, home, _| drop(asked(ledger, home)), MayStart::AskAgain, 1);
    let refused = |ledger: &Ledger, home: &Home, _: &TaskKey| {
        asked(ledger, home);
        ledger.close(home);
    };
    check(&refused, MayStart::Unwanted, 0);
    for (keep, expect) in [(true, MayStart::Yes), (false, MayStart::Unwanted)] {
        let answered = |ledger: &Ledger, home: &Home, task: &TaskKey| {
            let held = asked(ledger, home);
            let kept = keep.then(|| task.clone());
            ledger.open(home, &held, &FxHashSet::from_iter(kept));
        };
        check(&answered, expect, usize::from(keep));
    }
}

#[test]
fn a_cancel_of_a_queued_reconcile_looks_for_the_job() {
    let (ledger, home) = ledger();
    let queued = taken(&ledger, &home, job(1), Order::Reconcile);
    let bare = Attempt { parameters: None, ..job(1) };
    let Step::Run(attempt, Order::Cancel) = ledger.accept(&home, bare, Order::Cancel).unwrap() else {
        panic!("an earlier process may have started the job")
    };
    assert!(attempt.parameters.is_some(), "a look needs them");
    assert!(!ledger.begin(&queued));
    assert_eq!(ledger.take_refund(&home), Some(Credit { count: 1, bytes: 7 }));
    assert!(!ledger.dropped(&attempt.task));
    assert_eq!(kinds(&ledger, &home), [], "nothing is said before it is stopped");
    ledger.ended(&attempt.task, Report::Cancelled);
    assert_eq!(kinds(&ledger, &home), [Kind::Cancelled]);
}

#[test]
fn credit_is_spent_and_comes_back() {
    let (ledger, home) = ledger();
    ledger.accept(&home, job(1), Order::Submit).unwrap();
    ledger.accept(&home, job(2), Order::Reconcile).unwrap();
    assert!(ledger.accept(&home, job(3), Order::Submit).is_err());
    assert!(runs(ledger.accept(&home, job(4), Order::Watch)), "a watch is free");
    assert_eq!(ledger.take_refund(&home), None);
    begin(&ledger, &job(1).task);
    ledger.submitted(&job(1).task, started("j"));
    assert_eq!(ledger.take_refund(&home), Some(Credit { count: 1, bytes: 7 }));
    assert_eq!(ledger.take_refund(&home), None);
    assert!(runs(ledger.accept(&home, job(3), Order::Submit)));
}

#[test]
fn a_cancel_takes_effect_at_every_phase() {
    // Queued: nothing is started.
    let (ledger, home) = ledger();
    ledger.accept(&home, job(1), Order::Submit).unwrap();
    assert!(!runs(ledger.accept(&home, job(1), Order::Cancel)));
    assert!(!begin(&ledger, &job(1).task));
    assert_eq!(kinds(&ledger, &home), [Kind::Cancelled]);
    // Calling: what it starts is stopped.
    ledger.accept(&home, job(2), Order::Submit).unwrap();
    begin(&ledger, &job(2).task);
    assert!(!runs(ledger.accept(&home, job(2), Order::Cancel)));
    assert!(ledger.submitted(&job(2).task, started("j")));
    ledger.ended(&job(2).task, Report::Cancelled);
    assert_eq!(kinds(&ledger, &home), [Kind::Submitted, Kind::Cancelled]);
    // Watching: the known job is stopped, and a stale acknowledgement or a drop doesn't stop the stopping.
    ledger
        .accept(&home, Attempt { external_ref: Some(ExternalRef::new("k")), ..job(3) }, Order::Watch)
        .unwrap();
    let Step::Run(attempt, Order::Cancel) = ledger.accept(&home, job(3), Order::Cancel).unwrap() else {
        panic!()
    };
    assert_eq!(attempt.external_ref, Some(ExternalRef::new("k")));
    ledger.acknowledged(&job(3).task, Kind::Heartbeat, true);
    assert!(!ledger.dropped(&job(3).task));
    assert!(!runs(ledger.accept(&home, job(3), Order::Cancel)));
    ledger.ended(&job(3).task, Report::Succeeded(Payload::default()));
    assert_eq!(kinds(&ledger, &home), [Kind::Cancelled], "an end seen while stopping is a stop");
    ledger.acknowledged(&job(3).task, Kind::Cancelled, true);
    // Never heard of.
    assert!(runs(ledger.accept(&home, job(4), Order::Cancel)));
}

#[test]
fn a_stale_acknowledgement_or_a_drop_lets_go() {
    let (ledger, home) = ledger();
    ledger.accept(&home, job(1), Order::Watch).unwrap();
    assert!(matches!(ledger.acknowledged(&job(1).task, Kind::Heartbeat, true), Acknowledged::Unwatch));
    ledger.accept(&home, job(2), Order::Watch).unwrap();
    assert!(ledger.dropped(&job(2).task));
    assert_eq!(ledger.len(), 0);
}

#[test]
fn a_watch_waits_for_durability_and_a_callback_needs_none() {
    let (ledger, home) = ledger();
    ledger.accept(&home, job(1), Order::Submit).unwrap();
    begin(&ledger, &job(1).task);
    ledger.submitted(&job(1).task, started("j"));
    assert!(runs(ledger.accept(&home, job(1), Order::Watch)), "being told to watch proves it");
    assert_eq!(kinds(&ledger, &home), []);

    let callback = attempt(2, Pattern::Callback);
    ledger.accept(&home, callback.clone(), Order::Submit).unwrap();
    begin(&ledger, &callback.task);
    ledger.submitted(&callback.task, started("k"));
    assert!(matches!(ledger.acknowledged(&callback.task, Kind::Submitted, false), Acknowledged::Nothing));
    assert_eq!(ledger.len(), 1);
}

#[test]
fn draining_starts_and_watches_nothing_more() {
    let (ledger, home) = ledger();
    ledger.accept(&home, job(1), Order::Submit).unwrap();
    ledger.accept(&home, job(2), Order::Submit).unwrap();
    begin(&ledger, &job(1).task);
    ledger.drain();
    assert!(!begin(&ledger, &job(2).task));
    assert!(!ledger.is_drained());
    ledger.submitted(&job(1).task, started("j"));
    assert!(!ledger.is_drained(), "its submission is still to be acknowledged");
    assert!(matches!(ledger.acknowledged(&job(1).task, Kind::Submitted, false), Acknowledged::Nothing));
    assert!(ledger.is_drained());
    assert!(!runs(ledger.accept(&home, job(3), Order::Submit)));
}

#[test]
fn settled_attempts_are_remembered_within_bounds() {
    let (ledger, home) = ledger();
    for entry in 0..SETTLED_CAPACITY as u64 + 10 {
        ledger.accept(&home, job(entry), Order::Watch).unwrap();
        ledger.dropped(&job(entry).task);
    }
    let state = ledger.state.lock();
    assert_eq!(state.settled.len(), SETTLED_CAPACITY);
    assert_eq!(state.settled_order.len(), SETTLED_CAPACITY);
}

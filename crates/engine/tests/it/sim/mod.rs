//! Whole lives of an engine in simulation: virtual time, seeded chance, a store that fails, workers that lose and repeat
//! things, and crashes at fail points and anywhere else. Afterwards nothing may be lost, doubled or out of order.

mod definitions;
mod invariants;
mod observer;
mod run;
mod workers;

/// Seeds that every test run goes through.
const SEEDS: std::ops::Range<u64> = 0..200;
/// Seeds that run beside each other.
const THREADS: u64 = 2;

/// `NEWEL_SIM_SEED=n` runs that one alone; `NEWEL_SIM_SEED=n..m` runs a range.
fn seeds() -> std::ops::Range<u64> {
    let Ok(wanted) = std::env::var("NEWEL_SIM_SEED") else { return SEEDS };
    let number = |text: &str| text.parse::<u64>().expect("NEWEL_SIM_SEED is a number or a range n..m");
    match wanted.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&wanted)..number(&wanted) + 1,
    }
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_over_crashes() {
    let seeds = seeds();
    let share = |thread: u64| {
        let mine = seeds.clone().filter(move |seed| seed % THREADS == thread);
        std::thread::spawn(move || mine.map(|seed| (seed, run::run(seed))).collect::<Vec<_>>())
    };
    let threads: Vec<_> = (0..THREADS).map(share).collect();
    let outcomes: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let mut total = run::Statistics::default();
    let mut failed = false;
    for (seed, (statistics, violations)) in &outcomes {
        total.add(statistics);
        if let Some(first) = violations.first() {
            failed = true;
            println!(
                "NEWEL_SIM_SEED={seed} cargo test -p newel-engine --test it sim   # {first} ({} in all)",
                violations.len()
            );
        }
    }
    println!("{} seeds: {total}", outcomes.len());
    assert!(!failed, "the lines above reproduce what failed");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let traces: Vec<String> = (0..2).map(|_| run::run(11).0.to_string()).collect();
    assert_eq!(traces[0], traces[1]);
}

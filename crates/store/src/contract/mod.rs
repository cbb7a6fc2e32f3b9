//! What every backend must do, as checks that a backend's tests run. A check panics where the contract is broken.
//!
//! Each check gets a store of its own, new and empty, with at least two shards.

mod commits;
mod fixture;
mod lists;
mod persistence;
mod rows;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Store;

pub use persistence::survives_reopening;

/// A check at work.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One check, by the name of what it makes sure of.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The rule.
    pub name: &'static str,
    /// Runs it on a new store.
    pub run: fn(Arc<dyn Store>) -> Running,
}

macro_rules! checks {
    ($($module:ident::$name:ident,)*) => {
        /// All checks.
        pub const CHECKS: &[Check] = &[$(
            Check { name: stringify!($name), run: |store| Box::pin($module::$name(store)) },
        )*];
    };
}

checks! {
    commits::sto_1_a_commit_is_whole_or_nothing,
    commits::sto_1_changes_apply_in_their_order,
    commits::sto_2_a_stale_epoch_changes_nothing,
    commits::sto_2_every_acquisition_raises_the_epoch,
    commits::sto_3_a_rejection_leaves_its_batch_alone,
    commits::sto_4_a_shards_commits_apply_in_the_order_handed_in,
    commits::sto_5_a_read_sees_what_was_committed_before,
    commits::an_empty_batch_and_an_empty_commit_are_fine,
    commits::a_commit_touches_only_its_own_shard,
    commits::new_rows_must_be_new,
    commits::only_what_is_there_can_be_updated,
    lists::executions_are_listed_newest_first_without_gaps,
    lists::executions_are_found_by_id_and_arn,
    lists::machines_are_listed_by_account_and_region_in_order_of_creation,
    lists::a_deleted_machine_leaves_its_revisions_and_its_name,
    lists::entities_are_listed_by_kind_and_list_both_ways,
    lists::machines_and_entities_are_counted,
    lists::open_executions_are_counted,
    lists::open_executions_are_counted_by_what_they_belong_to,
    rows::history_is_read_both_ways_from_the_middle_of_a_row,
    rows::frames_are_set_and_taken_away,
    rows::a_deleted_execution_takes_its_frames_and_history_along,
    rows::due_executions_come_earliest_first,
    rows::expired_executions_are_those_stopped_before,
    rows::the_outbox_is_read_in_order_of_keys,
    rows::tags_belong_to_their_resource,
    rows::the_first_setting_of_a_name_is_kept,
    rows::records_come_back_as_they_were,
}

/// Runs all checks, each on a store that `make` makes.
pub async fn run<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Store>>,
{
    for check in CHECKS {
        tracing::info!(check.name, "checking the storage contract");
        (check.run)(make().await).await;
    }
}

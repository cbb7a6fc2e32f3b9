//! The results of a run's children, unless they are written elsewhere (`writing.rs`): a run keeps them in rows of its own, a
//! batch a row, until they are more than the state's result may be.

use newel_machine::{Fault, StateResult};
use newel_store::{FrameRow, Id, Op};
use newel_value::Payload;

use super::record::{MapRunRecord, RESULTS};
use crate::codec::{decode, encode};
use crate::{Error, ErrorKind};

/// Takes the results of a batch: numbers of children and what is kept of each.
pub(super) fn keep(
    result: StateResult<'_>,
    record: &mut MapRunRecord,
    id: Id,
    results: Vec<(u32, Payload)>,
    ops: &mut Vec<Op>,
) {
    let Some(before) = record.result_bytes else { return };
    if results.is_empty() {
        return;
    }
    record.result_bytes = result.grown(before, results.iter().map(|(_, kept)| kept));
    if record.result_bytes.is_none() {
        // Too many for a result: the run will say so when it ends, and keeps none until then.
        return;
    }
    let path = format!("{RESULTS}{:016x}", record.result_rows);
    record.result_rows += 1;
    ops.push(Op::PutFrame(FrameRow { execution: id, path: path.into(), record: encode(&results) }));
}

/// The run's result, of the rows that were kept.
///
/// # Errors
/// When a row can't be read.
pub(super) fn finish(
    result: StateResult<'_>,
    record: &MapRunRecord,
    rows: &[FrameRow],
) -> Result<Result<Payload, Fault>, Error> {
    if record.result_bytes.is_none() {
        return Ok(Err(result.too_large()));
    }
    let mut results: Vec<(u32, usize, Payload)> = Vec::new();
    for (number, row) in rows.iter().filter(|row| row.path.starts_with(RESULTS)).enumerate() {
        let batch: Vec<(u32, Payload)> = decode(&row.record)
            .map_err(|why| Error::new(ErrorKind::Internal, format!("results of a map run: {why}")))?;
        results.extend(batch.into_iter().map(|(index, kept)| (index, number, kept)));
    }
    // Of a child that was redriven the latest counts.
    results.sort_unstable_by_key(|(index, number, _)| (*index, *number));
    let latest = results
        .iter()
        .enumerate()
        .filter(|(position, (index, ..))| results.get(position + 1).is_none_or(|(next, ..)| next != index));
    Ok(result.of(latest.map(|(_, (.., kept))| kept)))
}

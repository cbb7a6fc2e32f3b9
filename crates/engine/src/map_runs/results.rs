//! What becomes of the results of a run's children, unless they are written elsewhere (`writing.rs`).
//!
//! They go into the state's result, which a run keeps in rows of its own, a batch a row, until they are more than a result may
//! be.

use newel_asl::plan::Transformation;
use newel_machine::{Fault, result_too_large};
use newel_store::{FrameRow, Id, Op};
use newel_value::{Payload, Value};

use super::record::{MapRunRecord, RESULTS};
use crate::codec::{decode, encode};
use crate::{Error, ErrorKind};

/// The result is the state's: an array in the order of the children.
pub(super) struct StateResult {
    pub(super) transformation: Transformation,
    pub(super) limit: usize,
}

impl StateResult {
    /// Takes the results of a batch: numbers of children and what is kept of each.
    pub(super) fn keep(
        &self,
        record: &mut MapRunRecord,
        id: Id,
        results: Vec<(u32, Payload)>,
        ops: &mut Vec<Op>,
    ) {
        let Some(before) = record.result_bytes else { return };
        if results.is_empty() {
            return;
        }
        let bytes: usize = results.iter().map(|(_, result)| result.text().len() + 1).sum();
        let bytes = before + u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes > u64::try_from(self.limit).unwrap_or(u64::MAX) + 1 {
            // Too many for a result: the run will say so when it ends, and keeps none until then.
            record.result_bytes = None;
            return;
        }
        record.result_bytes = Some(bytes);
        let path = format!("{RESULTS}{:016x}", record.result_rows);
        record.result_rows += 1;
        ops.push(Op::PutFrame(FrameRow { execution: id, path: path.into(), record: encode(&results) }));
    }

    /// The run's result, of the rows that were kept.
    ///
    /// # Errors
    /// When a row can't be read.
    pub(super) fn finish(
        &self,
        record: &MapRunRecord,
        rows: &[FrameRow],
    ) -> Result<Result<Payload, Fault>, Error> {
        if record.result_bytes.is_none() {
            return Ok(Err(result_too_large(&record.state)));
        }
        let mut results: Vec<(u32, usize, Payload)> = Vec::new();
        for (number, row) in rows.iter().filter(|row| row.path.starts_with(RESULTS)).enumerate() {
            let batch: Vec<(u32, Payload)> = decode(&row.record)
                .map_err(|why| Error::new(ErrorKind::Internal, format!("results of a map run: {why}")))?;
            results.extend(batch.into_iter().map(|(index, result)| (index, number, result)));
        }
        // Of a child that was redriven the latest counts.
        results.sort_unstable_by_key(|(index, number, _)| (*index, *number));
        let mut values: Vec<Value> = Vec::with_capacity(results.len());
        for (position, (index, _, result)) in results.iter().enumerate() {
            if results.get(position + 1).is_some_and(|(next, ..)| next == index) {
                continue;
            }
            match (self.transformation, result.value().as_array()) {
                (Transformation::Flatten, Some(elements)) => values.extend(elements.iter().cloned()),
                _ => values.push(result.value().clone()),
            }
        }
        let result = Payload::from(Value::from(values));
        Ok(if result.text().len() > self.limit { Err(result_too_large(&record.state)) } else { Ok(result) })
    }
}

//! The footer of a file: what is in it, and where.

use ::parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy, RowGroupMetaData,
};
use bytes::Bytes;

use super::schema::{self, Node};
use super::source::Stored;
use super::thrift;
use crate::objects::{Failed, Outcome};

/// Bytes of a footer at most, as AWS has it.
const FOOTER_BYTES: usize = 5 << 20;
/// Bytes of a row group at most, unpacked, as AWS has it.
pub(super) const ROW_GROUP_BYTES: u64 = 256 << 20;
/// Bytes at a file's end that say how long its footer is.
const TAIL: usize = 8;
const MAGIC: &[u8] = b"PAR1";

/// A footer, understood.
pub(super) struct Footer {
    pub(super) metadata: ParquetMetaData,
    /// What a row looks like.
    pub(super) row: Node,
}

/// A footer's bytes, of a file whose last bytes are given.
pub(super) fn bytes(stored: &Stored, last: &Bytes) -> Outcome<Bytes> {
    let no_parquet = || Failed(format!("{} is no Parquet file.", stored.object));
    let tail = last.len().checked_sub(TAIL).map(|at| last.slice(at..)).ok_or_else(no_parquet)?;
    match &tail[4..] {
        MAGIC => {}
        b"PARE" => return Err(Failed(format!("{} is an encrypted Parquet file.", stored.object))),
        _ => return Err(no_parquet()),
    }
    let length = tail.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    if length > FOOTER_BYTES {
        return Err(Failed(format!(
            "The footer of {} has {length} bytes; at most {FOOTER_BYTES} can be read.",
            stored.object
        )));
    }
    if let Some(at) = last.len().checked_sub(TAIL + length) {
        return Ok(last.slice(at..last.len() - TAIL));
    }
    let from = stored.total.checked_sub((TAIL + length) as u64);
    let from = from.ok_or_else(|| stored.damaged(&"its footer is longer than it"))?;
    stored.fetch(from, length)
}

/// Understands a footer.
pub(super) fn understand(stored: &Stored, bytes: &[u8]) -> Outcome<Footer> {
    thrift::check_footer(bytes).map_err(|why| stored.damaged(&why))?;
    let options = ParquetMetaDataOptions::default()
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let metadata = ParquetMetaDataReader::decode_metadata_with_options(bytes, Some(&options));
    let metadata = metadata.map_err(|error| stored.damaged(&error))?;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Err(stored.damaged(&"a row group has less than no rows"));
        }
        let size = u64::try_from(group.total_byte_size()).unwrap_or(u64::MAX);
        let packed =
            group.columns().iter().map(|chunk| u64::try_from(chunk.compressed_size()).unwrap_or(u64::MAX));
        let size = packed.fold(0, u64::saturating_add).max(size);
        if size > ROW_GROUP_BYTES {
            return Err(Failed(format!(
                "Row group {number} of {} has {size} bytes; at most {ROW_GROUP_BYTES} can be read.",
                stored.object
            )));
        }
    }
    let row =
        schema::understand(metadata.file_metadata().schema_descr()).map_err(|why| stored.damaged(&why))?;
    Ok(Footer { metadata, row })
}

impl Footer {
    /// What the largest row group takes, packed or unpacked, as the footer says.
    pub(super) fn largest(&self) -> u64 {
        self.metadata.row_groups().iter().map(size).max().unwrap_or(0)
    }
}

/// What a row group takes, packed or unpacked, as the footer says.
pub(super) fn size(group: &RowGroupMetaData) -> u64 {
    let sizes = group.columns().iter().map(|chunk| chunk.uncompressed_size().max(chunk.compressed_size()));
    sizes.fold(0, |sum, size| sum.saturating_add(u64::try_from(size).unwrap_or(0)))
}

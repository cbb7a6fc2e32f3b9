//! The pages of a column, looked at before the decoder gets them.
//!
//! The decoder makes room for what a page says that it has. So pages are unpacked here, where it is known how much may come of
//! one, and what they say is held against what they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ::parquet::basic::{Compression, Encoding, Type as Physical};
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::serialized_reader::SerializedPageReader;
use ::parquet::schema::types::ColumnDescPtr;

use super::codec::unpack;
use super::delta::Lengths;
use super::source::ChunkBytes;

/// Values that are decoded at once at most, where the decoder can't be told how many: those of a row's lists.
const MOST_AT_ONCE: usize = 4 << 20;
/// Bytes of the texts of one page at most, where each may repeat the one before it.
const MOST_REPEATED: u64 = 64 << 20;

/// How much of a row group may be in memory, and how much is.
#[derive(Debug)]
pub(super) struct Budget {
    held: AtomicUsize,
    most: usize,
}

impl Budget {
    pub(super) const fn new(most: usize) -> Self {
        Self { held: AtomicUsize::new(0), most }
    }

    fn left(&self) -> usize {
        self.most.saturating_sub(self.held.load(Ordering::Relaxed))
    }

    /// Holds something else in the place of what was held.
    pub(super) fn change(&self, before: &mut usize, now: usize) -> Result<()> {
        self.held.fetch_sub(*before, Ordering::Relaxed);
        *before = now;
        let held = self.held.fetch_add(now, Ordering::Relaxed).saturating_add(now);
        if held > self.most {
            let most = self.most;
            return Err(general(format!("a row group takes more than {most} bytes of memory")));
        }
        Ok(())
    }
}

/// Values of pages that came since a row's values were asked for: all of them are in memory at once.
#[derive(Debug, Default)]
pub(super) struct AtOnce {
    values: AtomicUsize,
    passing: AtomicBool,
}

impl AtOnce {
    /// Counts from here on: for a row that is read, or over rows that are passed over, of which no value is kept.
    pub(super) fn begin(&self, passing: bool) {
        self.values.store(0, Ordering::Relaxed);
        self.passing.store(passing, Ordering::Relaxed);
    }

    fn add(&self, values: usize) -> Result<()> {
        if self.passing.load(Ordering::Relaxed) {
            self.values.store(0, Ordering::Relaxed);
        }
        let before = self.values.fetch_add(values, Ordering::Relaxed);
        if before.saturating_add(values) > MOST_AT_ONCE {
            return Err(general(format!(
                "the lists of a page or a row have more than {MOST_AT_ONCE} values"
            )));
        }
        Ok(())
    }
}

fn general(why: impl Into<String>) -> ParquetError {
    ParquetError::General(why.into())
}

/// The pages of one column of one row group.
pub(super) struct Pages {
    packed: SerializedPageReader<ChunkBytes>,
    codec: Compression,
    column: ColumnDescPtr,
    budget: Arc<Budget>,
    /// What the page that came last takes, and what the dictionary takes.
    page: usize,
    dictionary: usize,
    pub(super) at_once: Arc<AtOnce>,
}

impl Pages {
    pub(super) fn new(
        bytes: ChunkBytes,
        chunk: &ColumnChunkMetaData,
        rows: usize,
        budget: Arc<Budget>,
    ) -> Result<Self> {
        let codec = chunk.compression();
        // The reader hands pages out as they are stored.
        let stored = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let packed = SerializedPageReader::new(Arc::new(bytes), &stored, rows, None)?;
        let column = chunk.column_descr_ptr();
        Ok(Self { packed, codec, column, budget, page: 0, dictionary: 0, at_once: Arc::default() })
    }

    /// Unpacks a page in its place.
    fn unpack(&mut self, page: &mut Page) -> Result<()> {
        let most = self.budget.left() + self.page;
        let (buffer, plain, packed) = match page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => (buf, 0, true),
            // Its levels are never packed.
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed, .. } => {
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                (buf, levels, *is_compressed)
            }
        };
        if plain > buffer.len() {
            return Err(general("a page has fewer bytes than its levels"));
        }
        if packed && self.codec != Compression::UNCOMPRESSED && buffer.len() > plain {
            let mut unpacked = buffer[..plain].to_vec();
            unpack(self.codec, &buffer[plain..], &mut unpacked, most)?;
            *buffer = unpacked.into();
        }
        Ok(())
    }

    /// Counts a page in, and holds what it says against what it has.
    fn check(&mut self, page: &Page) -> Result<()> {
        match page {
            Page::DictionaryPage { buf, num_values, .. } => {
                let (stored, decoded) = self.width()?;
                let values = *num_values as usize;
                if values.saturating_mul(stored) > buf.len() {
                    return Err(general("a dictionary has fewer values than it says"));
                }
                self.budget.change(&mut self.dictionary, buf.len() + values * decoded)
            }
            Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, .. } => {
                self.budget.change(&mut self.page, buf.len())?;
                let values = *num_values as usize;
                let mut rest = &buf[..];
                for (most, encoding) in [
                    (self.column.max_rep_level(), *rep_level_encoding),
                    (self.column.max_def_level(), *def_level_encoding),
                ] {
                    rest = after_levels(rest, most, encoding, values)?;
                }
                self.check_values(rest, *encoding, values)
            }
            Page::DataPageV2 {
                buf, num_values, encoding, def_levels_byte_len, rep_levels_byte_len, ..
            } => {
                self.budget.change(&mut self.page, buf.len())?;
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                self.check_values(&buf[levels..], *encoding, *num_values as usize)
            }
        }
    }

    /// What a value takes at least, stored and decoded.
    fn width(&self) -> Result<(usize, usize)> {
        Ok(match self.column.physical_type() {
            Physical::BOOLEAN => return Err(general("booleans have a dictionary")),
            Physical::INT32 | Physical::FLOAT => (4, 4),
            Physical::INT64 | Physical::DOUBLE => (8, 8),
            Physical::INT96 => (12, 12),
            Physical::BYTE_ARRAY => (4, 32),
            Physical::FIXED_LEN_BYTE_ARRAY => (usize::try_from(self.column.type_length())?.max(1), 32),
        })
    }

    fn check_values(&self, bytes: &[u8], encoding: Encoding, values: usize) -> Result<()> {
        if self.column.max_rep_level() > 0 {
            self.at_once.add(values)?;
        }
        match encoding {
            Encoding::PLAIN
            | Encoding::RLE
            | Encoding::PLAIN_DICTIONARY
            | Encoding::RLE_DICTIONARY
            | Encoding::DELTA_BINARY_PACKED
            | Encoding::BYTE_STREAM_SPLIT => Ok(()),
            Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY
                if values == 0 || bytes.is_empty() =>
            {
                Ok(())
            }
            Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY => {
                let lengths = Lengths::of(bytes).ok_or_else(|| general("a page's lengths are damaged"))?;
                if lengths.count > (values as u64).min(MOST_AT_ONCE as u64) {
                    return Err(general("a page has more lengths than values"));
                }
                if encoding == Encoding::DELTA_BYTE_ARRAY {
                    let sum = lengths.sum(u64::MAX).ok_or_else(|| general("a page's lengths are damaged"))?;
                    if sum > MOST_REPEATED {
                        return Err(general(format!("a page's texts have more than {MOST_REPEATED} bytes")));
                    }
                }
                Ok(())
            }
            other => Err(general(format!("values that are encoded by {other} can't be read"))),
        }
    }
}

/// What comes after the levels of a page of the first version.
fn after_levels(bytes: &[u8], most: i16, encoding: Encoding, values: usize) -> Result<&[u8]> {
    let short = || general("a page has fewer bytes than its levels");
    if most == 0 {
        return Ok(bytes);
    }
    #[expect(deprecated, reason = "old files have them")]
    let bit_packed = encoding == Encoding::BIT_PACKED;
    let length = if bit_packed {
        let width = (i16::BITS - most.leading_zeros()) as usize;
        values.saturating_mul(width).div_ceil(8)
    } else {
        let length = bytes.first_chunk::<4>().ok_or_else(short)?;
        (u32::from_le_bytes(*length) as usize).saturating_add(4)
    };
    bytes.get(length..).ok_or_else(short)
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.packed.get_next_page()? else { return Ok(None) };
        self.unpack(&mut page)?;
        self.check(&page)?;
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.packed.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.packed.at_record_boundary()
    }
}

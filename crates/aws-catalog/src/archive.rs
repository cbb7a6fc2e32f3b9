//! The packed file: header, index, one compressed frame a service, one frame of what clients need besides.
//!
//! ```text
//! magic "NEWELCAT" · format u32 LE · length of the index u32 LE · index · frames
//! ```
//! The index and every frame are postcard inside zstd (with zstd's checksum). A frame's place counts from the end of
//! the index.

use newel_value::Str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, ServiceModel, naming};

const MAGIC: &[u8; 8] = b"NEWELCAT";

/// The format of this version; a file of another one is refused.
const FORMAT: u32 = 3;

/// No index or frame is larger unpacked; a header that says otherwise is damaged.
const MAX_UNPACKED: u32 = 64 << 20;

/// zstd's level: packing happens once, so it may take its time.
const LEVEL: i32 = 19;

/// Where everything is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Index {
    /// The botocore release the models come from.
    pub(crate) botocore: Str,
    /// The services, ordered by [`Entry::name`].
    pub(crate) services: Vec<Entry>,
    /// The frame of [`Extras`].
    pub(crate) extras: Frame,
}

/// One service's line in the index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Step Functions' name, `dynamodb`.
    pub(crate) name: Str,
    /// Prefix of its errors, `DynamoDb`.
    pub(crate) prefix: Str,
    /// botocore's folder, `stepfunctions`.
    pub(crate) botocore: Str,
    /// The frame of its [`ServiceModel`].
    pub(crate) frame: Frame,
}

/// A compressed part of the file.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Frame {
    offset: u32,
    length: u32,
    unpacked: u32,
}

/// What only clients need: kept in one frame because the services' rule sets are nearly alike and pack well together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Extras {
    /// botocore's `partitions.json`, compact.
    pub(crate) partitions: String,
    /// Endpoint rule set of each service of the index, compact JSON; empty if it has none.
    pub(crate) endpoint_rules: Vec<String>,
    /// Waiters of each service of the index, compact JSON; empty if it has none.
    pub(crate) waiters: Vec<String>,
}

/// What is known of a service before it is packed.
#[derive(Clone, Debug)]
pub struct Source {
    /// botocore's folder, `stepfunctions`.
    pub botocore: String,
    /// Its model.
    pub model: ServiceModel,
    /// Its endpoint rule set as compact JSON; empty if there is none.
    pub endpoint_rules: String,
    /// Its waiters as compact JSON; empty if there are none.
    pub waiters: String,
}

/// The bytes of a catalog file. `partitions` is botocore's `partitions.json`, compact.
///
/// # Errors
/// [`Error::Pack`] if two services have one name, or something is too large for the format.
pub fn pack(botocore: &str, partitions: String, mut sources: Vec<Source>) -> Result<Vec<u8>, Error> {
    sources.sort_by_cached_key(|s| naming::service(&s.model.metadata.service_id));
    let mut frames = Vec::new();
    let mut services: Vec<Entry> = Vec::with_capacity(sources.len());
    let mut extras = Extras { partitions, ..Extras::default() };
    for source in sources {
        let id = &source.model.metadata.service_id;
        let entry = Entry {
            name: naming::service(id).into(),
            prefix: naming::exception_prefix(id).into(),
            botocore: source.botocore.into(),
            frame: append(&mut frames, &source.model)?,
        };
        if services.last().is_some_and(|last| last.name == entry.name) {
            return Err(Error::Pack(format!("two services are named {}", entry.name)));
        }
        services.push(entry);
        extras.endpoint_rules.push(source.endpoint_rules);
        extras.waiters.push(source.waiters);
    }
    let extras = append(&mut frames, &extras)?;
    let mut index = Vec::new();
    let frame = append(&mut index, &Index { botocore: botocore.into(), services, extras })?;

    let mut file = Vec::with_capacity(index.len() + frames.len() + 24);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(&frame.length.to_le_bytes());
    file.extend_from_slice(&frame.unpacked.to_le_bytes());
    file.append(&mut index);
    file.append(&mut frames);
    Ok(file)
}

fn append(to: &mut Vec<u8>, content: &impl Serialize) -> Result<Frame, Error> {
    let plain = postcard::to_stdvec(content).map_err(|e| Error::Pack(e.to_string()))?;
    let mut compressor = zstd::bulk::Compressor::new(LEVEL).map_err(|e| Error::Pack(e.to_string()))?;
    compressor.include_checksum(true).map_err(|e| Error::Pack(e.to_string()))?;
    let packed = compressor.compress(&plain).map_err(|e| Error::Pack(e.to_string()))?;
    let size = |n: usize| {
        u32::try_from(n).ok().filter(|n| *n <= MAX_UNPACKED).ok_or_else(|| Error::Pack("too large".into()))
    };
    let frame = Frame { offset: size(to.len())?, length: size(packed.len())?, unpacked: size(plain.len())? };
    to.extend_from_slice(&packed);
    Ok(frame)
}

/// Reads the header and the index, and says where the frames begin.
pub(crate) fn open(file: &[u8]) -> Result<(Index, usize), Error> {
    const HEADER: usize = 20;
    let header = file.get(..HEADER).ok_or(Error::NotACatalog)?;
    let (magic, numbers) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(Error::NotACatalog);
    }
    let number = |i: usize| {
        let at = numbers.get(4 * i..4 * i + 4).and_then(|b| b.try_into().ok());
        at.map(u32::from_le_bytes).ok_or(Error::NotACatalog)
    };
    let format = number(0)?;
    if format != FORMAT {
        return Err(Error::Format { found: format, expected: FORMAT });
    }
    let frame = Frame { offset: 0, length: number(1)?, unpacked: number(2)? };
    let index = unpack(file, HEADER, frame)?;
    Ok((index, HEADER + frame.length as usize))
}

/// Unpacks the content of a frame.
pub(crate) fn unpack<T: DeserializeOwned>(file: &[u8], base: usize, frame: Frame) -> Result<T, Error> {
    let start = base.saturating_add(frame.offset as usize);
    let packed = file
        .get(start..start.saturating_add(frame.length as usize))
        .filter(|_| frame.unpacked <= MAX_UNPACKED)
        .ok_or_else(|| Error::Damaged("a frame lies outside the file".into()))?;
    let plain =
        zstd::bulk::decompress(packed, frame.unpacked as usize).map_err(|e| Error::Damaged(e.to_string()))?;
    postcard::from_bytes(&plain).map_err(|e| Error::Damaged(e.to_string()))
}

//! Pages, unpacked: at most so many bytes come of one, whatever it says of itself.

use std::io::Read;

use ::parquet::basic::Compression;
use ::parquet::errors::{ParquetError, Result};

fn broken(codec: &str, why: impl std::fmt::Display) -> ParquetError {
    ParquetError::General(format!("a page can't be unpacked by {codec}: {why}"))
}

fn too_large(most: usize) -> ParquetError {
    ParquetError::General(format!("a page unpacks to more than {most} bytes"))
}

/// Unpacks bytes and puts them behind those that are there; at most `most` altogether.
pub(super) fn unpack(codec: Compression, packed: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
    match codec {
        Compression::UNCOMPRESSED => {
            out.extend_from_slice(packed);
            Ok(())
        }
        Compression::SNAPPY => snappy(packed, out, most),
        Compression::GZIP(_) => pour("GZIP", flate2::read::MultiGzDecoder::new(packed), out, most),
        Compression::ZSTD(_) => {
            let decoder = zstd::stream::read::Decoder::with_buffer(packed);
            pour("ZSTD", decoder.map_err(|error| broken("ZSTD", error))?, out, most)
        }
        Compression::BROTLI(_) => pour("BROTLI", brotli::Decompressor::new(packed, 4_096), out, most),
        Compression::LZ4_RAW => lz4(packed, out, most),
        // Hadoop's frames, or as older writers understood the name.
        Compression::LZ4 => match frames(packed) {
            Some(frames) => frames.into_iter().try_for_each(|frame| hadoop(frame, out, most)),
            None => lz4(packed, out, most),
        },
        Compression::LZO => Err(ParquetError::NYI("pages that are packed by LZO can't be read".to_owned())),
    }
}

fn pour(codec: &str, from: impl Read, out: &mut Vec<u8>, most: usize) -> Result<()> {
    let room = most.saturating_sub(out.len());
    // One more, to see that it would be too many.
    let read = from.take(room as u64 + 1).read_to_end(out).map_err(|error| broken(codec, error))?;
    if read > room { Err(too_large(most)) } else { Ok(()) }
}

fn snappy(packed: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
    let length = snap::raw::decompress_len(packed).map_err(|error| broken("SNAPPY", error))?;
    let before = out.len();
    if length > most.saturating_sub(before) {
        return Err(too_large(most));
    }
    out.resize(before + length, 0);
    let unpacked = snap::raw::Decoder::new().decompress(packed, &mut out[before..]);
    let unpacked = unpacked.map_err(|error| broken("SNAPPY", error))?;
    out.truncate(before + unpacked);
    Ok(())
}

/// One block, which doesn't say how much comes of it.
fn lz4(packed: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
    let before = out.len();
    let room = most.saturating_sub(before);
    let mut guess = packed.len().saturating_mul(4).max(64);
    loop {
        guess = guess.min(room);
        out.resize(before + guess, 0);
        match lz4_flex::block::decompress_into(packed, &mut out[before..]) {
            Ok(length) => {
                out.truncate(before + length);
                return Ok(());
            }
            Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) if guess < room => {
                guess = guess.saturating_mul(4);
            }
            Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) => return Err(too_large(most)),
            Err(error) => return Err(broken("LZ4", error)),
        }
    }
}

/// Frames of a block each, led by its two sizes: what comes of each block, and the block. `None` if it's no frames.
fn frames(mut packed: &[u8]) -> Option<Vec<(usize, &[u8])>> {
    let mut frames = Vec::new();
    while !packed.is_empty() {
        let (unpacked, rest) = packed.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (block, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        frames.push((u32::from_be_bytes(*unpacked) as usize, block));
        packed = rest;
    }
    Some(frames)
}

fn hadoop((size, block): (usize, &[u8]), out: &mut Vec<u8>, most: usize) -> Result<()> {
    let before = out.len();
    if size > most.saturating_sub(before) {
        return Err(too_large(most));
    }
    out.resize(before + size, 0);
    let found = lz4_flex::block::decompress_into(block, &mut out[before..]);
    match found.map_err(|error| broken("LZ4", error))? {
        found if found == size => Ok(()),
        _ => Err(broken("LZ4", "a block has another size than it says")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn brotli(content: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        brotli::CompressorWriter::new(&mut packed, 4_096, 5, 20).write_all(content).unwrap();
        packed
    }

    fn framed(content: &[u8]) -> Vec<u8> {
        let block = lz4_flex::block::compress(content);
        let sizes = [content.len(), block.len()].map(|size| u32::try_from(size).unwrap().to_be_bytes());
        [sizes.concat(), block].concat()
    }

    #[test]
    fn no_page_becomes_larger_than_it_may() {
        let zeros = vec![0; 1 << 20];
        for (codec, packed) in [
            (Compression::SNAPPY, snap::raw::Encoder::new().compress_vec(&zeros).unwrap()),
            (Compression::GZIP(Default::default()), gzip(&zeros)),
            (Compression::ZSTD(Default::default()), zstd::encode_all(&zeros[..], 3).unwrap()),
            (Compression::BROTLI(Default::default()), brotli(&zeros)),
            (Compression::LZ4_RAW, lz4_flex::block::compress(&zeros)),
            (Compression::LZ4, lz4_flex::block::compress(&zeros)),
            (Compression::LZ4, framed(&zeros)),
        ] {
            let mut out = b"levels".to_vec();
            unpack(codec, &packed, &mut out, zeros.len() + 6).unwrap();
            assert!(out.starts_with(b"levels") && out[6..] == zeros, "{codec:?}");
            let mut out = b"levels".to_vec();
            let refused = unpack(codec, &packed, &mut out, zeros.len() + 5).unwrap_err().to_string();
            assert!(refused.contains("a page unpacks to more than"), "{codec:?}: {refused}");
            assert!(out.capacity() <= 4 * zeros.len(), "{codec:?}");
            assert!(unpack(codec, b"\xff\xff\xff nothing of the kind", &mut Vec::new(), 1 << 20).is_err());
        }
    }
}

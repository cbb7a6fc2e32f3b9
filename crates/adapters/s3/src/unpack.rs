//! Packed files: gzip and zstd, told by their names.

use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};

use crate::objects::{Failed, Outcome};
use crate::tape::{Source, Stored};

/// Packed bytes that are unpacked at once: a thousand times as many may come of them.
const SLICE: usize = 1 << 10;
/// Unpacked bytes after which one step of unpacking ends.
const ENOUGH: usize = 256 << 10;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// What a name says, by its last extension.
    pub(crate) fn of(key: &str) -> Option<Self> {
        match key.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

enum Unpacker {
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd { decoder: Box<Decoder<'static>>, between_frames: bool },
}

/// A packed file, unpacked.
pub(crate) struct Unpacked {
    stored: Stored,
    packed: Bytes,
    unpacker: Unpacker,
}

impl Unpacked {
    pub(crate) fn new(stored: Stored, packing: Packing) -> Outcome<Self> {
        let unpacker = match packing {
            Packing::Gzip => Unpacker::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Packing::Zstd => {
                Unpacker::Zstd { decoder: Box::new(Decoder::new().map_err(broken)?), between_frames: true }
            }
        };
        Ok(Self { stored, packed: Bytes::new(), unpacker })
    }
}

fn broken(error: std::io::Error) -> Failed {
    Failed(format!("The file can't be unpacked: {error}"))
}

fn cut_short() -> Failed {
    Failed::new("The file can't be unpacked: it ends early.")
}

impl Unpacker {
    /// Unpacks a slice; gives how much of it was taken.
    fn unpack(&mut self, slice: &[u8], out: &mut Vec<u8>) -> Outcome<usize> {
        match self {
            Self::Gzip(decoder) => {
                decoder.write_all(slice).map_err(broken)?;
                out.append(decoder.get_mut());
                Ok(slice.len())
            }
            Self::Zstd { decoder, between_frames } => {
                let mut input = InBuffer::around(slice);
                let mut space = vec![0; ENOUGH];
                let mut output = OutBuffer::around(&mut space[..]);
                let hint = decoder.run(&mut input, &mut output).map_err(broken)?;
                *between_frames = hint == 0;
                out.extend_from_slice(output.as_slice());
                Ok(input.pos())
            }
        }
    }

    /// What is left at the end.
    fn finish(&mut self, out: &mut Vec<u8>) -> Outcome<()> {
        match self {
            Self::Gzip(decoder) => {
                decoder.try_finish().map_err(|_| cut_short())?;
                out.append(decoder.get_mut());
            }
            Self::Zstd { decoder, between_frames } => {
                let mut space = vec![0; ENOUGH];
                let mut output = OutBuffer::around(&mut space[..]);
                if !*between_frames {
                    decoder.run(&mut InBuffer::around(&[]), &mut output).map_err(broken)?;
                    out.extend_from_slice(output.as_slice());
                    if out.is_empty() {
                        return Err(cut_short());
                    }
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Unpacked {
    async fn next(&mut self) -> Outcome<Option<Bytes>> {
        let mut out = Vec::new();
        while out.len() < ENOUGH {
            if self.packed.is_empty() {
                match self.stored.next().await? {
                    Some(bytes) => self.packed = bytes,
                    None => {
                        self.unpacker.finish(&mut out)?;
                        break;
                    }
                }
            }
            let slice = self.packed.slice(..SLICE.min(self.packed.len()));
            let taken = self.unpacker.unpack(&slice, &mut out)?;
            self.packed.advance(taken);
        }
        Ok(if out.is_empty() { None } else { Some(out.into()) })
    }

    fn etag(&self) -> Option<Arc<str>> {
        self.stored.etag()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::tape::Tape;
    use crate::testing::{Memory, object};

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(key: &str, packed: Vec<u8>, from: u64) -> Outcome<Vec<u8>> {
        let mut tape = Tape::open(Memory::with(key, packed), &object(key), from, None).await?;
        let mut read = Vec::new();
        while tape.first().await?.is_some() {
            read.extend_from_slice(tape.rest());
            tape.take(tape.rest().len());
        }
        Ok(read)
    }

    #[tokio::test]
    async fn packed_files_are_read_from_any_position() {
        // As good as random: it doesn't pack, and is more than a window.
        let content: Vec<u8> =
            (0_u32..2_000_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let zeros = vec![0; 20_000_000];
        for (key, packed, content) in [
            ("k.gz", gzip(&content), content.clone()),
            ("k.zst", zstd::encode_all(&content[..], 1).unwrap(), content.clone()),
            ("k.gz", gzip(&zeros), zeros.clone()),
            ("k.ZST", zstd::encode_all(&zeros[..], 1).unwrap(), zeros.clone()),
            ("two.gz", [gzip(b"ab"), gzip(b"cdefg")].concat(), b"abcdefg".to_vec()),
            (
                "two.zst",
                [zstd::encode_all(&b"ab"[..], 1).unwrap(), zstd::encode_all(&b"cdefg"[..], 1).unwrap()]
                    .concat(),
                b"abcdefg".to_vec(),
            ),
        ] {
            for from in [0, 6] {
                assert!(
                    read(key, packed.clone(), from).await.unwrap()
                        == content[usize::try_from(from).unwrap()..],
                    "{key}"
                );
            }
        }
    }

    #[tokio::test]
    async fn broken_files_are_told() {
        let content = vec![7; 100_000];
        let zstd = zstd::encode_all(&content[..], 1).unwrap();
        let gzip = gzip(&content);
        for (key, packed) in [
            ("k.gz", b"plain".to_vec()),
            ("k.zst", b"plain".to_vec()),
            ("k.gz", gzip[..gzip.len() / 2].to_vec()),
            ("k.zst", zstd[..zstd.len() - 4].to_vec()),
        ] {
            let failed = read(key, packed, 0).await.unwrap_err();
            assert!(failed.0.starts_with("The file can't be unpacked"), "{key}: {failed}");
        }
    }
}

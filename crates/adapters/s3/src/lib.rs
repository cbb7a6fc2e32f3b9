//! The worker for Amazon S3: it reads the items of distributed Maps (`ItemReader`) and writes their results (`ResultWriter`).
//!
//! A map run asks for items a page at a time ([`newel_asl::transfer`]). The cursor that a page ends with is all there is to go on
//! from: the byte that the next item begins at, and what of the file's form has to be known there. Nothing is owed to a
//! process, so any worker can give the next page, and a page that is asked for twice is the same both times. Open streams are
//! kept for a while all the same (`streams.rs`), so that going on costs no second look at what was read.
//!
//! Memory is flat in the size of what is read: bytes come in windows, an item is bounded, and so is a page.
//!
//! Where to start: `adapter.rs` for what is asked, `read.rs` for who answers, `tape.rs` for how bytes come; a file or folder for each format.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>

mod adapter;
mod client;
mod config;
mod csv;
mod json;
mod lines;
mod listing;
mod manifest;
mod objects;
mod page;
mod parquet;
mod read;
mod scan;
mod streams;
mod tape;
#[cfg(test)]
mod testing;
mod unpack;
mod write;

pub use adapter::{Transfers, adapter};

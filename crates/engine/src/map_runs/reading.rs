//! Reading: items that are elsewhere come a page at a time, and a page is kept until all its children have begun.

use newel_asl::transfer::{PAGE_ITEMS, Page, ReadPage};
use newel_machine::{Fault, MapItems};
use newel_store::{FrameRow, Op};
use newel_value::Payload;

use super::items::{Items, ReadItems};
use super::record::{PageMark, Reading};
use super::work::{Errand, Run};
use crate::codec::{decode, encode};
use crate::{Error, ErrorKind};

/// Bytes of items at hand below which the next page is asked for.
const READ_AHEAD: usize = 1 << 20;
/// Bytes of items at hand at which a batch is closed although it could take more.
pub(super) const MOST_AT_HAND: usize = 16 << 20;

impl Run<'_> {
    /// Takes the pages that are kept from their rows.
    pub(super) fn load_pages(&mut self, rows: &[FrameRow]) -> Result<(), Error> {
        let (Some(reading), Items::Read(pages)) = (&self.record.reading, &mut self.items) else {
            return Ok(());
        };
        for mark in &reading.pages {
            let path = mark.path();
            let row = rows.iter().find(|row| row.path == path);
            let row = row.ok_or_else(|| Error::new(ErrorKind::Internal, "a page of items is missing"))?;
            pages.push_back(ReadItems { first: mark.first, page: decode(&row.record)? });
        }
        Ok(())
    }

    /// Asks for the next page if items run short.
    pub(super) fn read_ahead(&mut self) {
        let MapItems::Reader { resource, parameters, config, max_items } = &self.plan.items else { return };
        let (Some(reading), Items::Read(pages)) = (&self.record.reading, &self.items) else { return };
        let at_hand = self.items.bytes_from(self.record.next_item);
        let enough = if self.short_of_items { MOST_AT_HAND } else { READ_AHEAD };
        if reading.ended || self.errand.is_some() || at_hand >= enough {
            return;
        }
        let left = if *max_items == 0 { u64::MAX } else { max_items.saturating_sub(self.record.total) };
        let read = ReadPage {
            parameters: parameters.clone(),
            config: config.clone(),
            cursor: pages.back().and_then(ReadItems::cursor),
            most: left.clamp(1, PAGE_ITEMS),
        };
        let info = &self.plan.scope.info;
        self.errand = Some(Errand::Read(self.inner.transfer(self.id, &self.record, info, resource, read)));
    }

    /// Takes a page in.
    pub(super) fn take_page(&mut self, page: Payload) -> Result<(), Fault> {
        let most = match &self.plan.items {
            MapItems::Reader { max_items, .. } if *max_items > 0 => *max_items,
            _ => u64::MAX,
        };
        let (Some(reading), Items::Read(pages)) = (&mut self.record.reading, &mut self.items) else {
            return Ok(());
        };
        let malformed = |why: newel_asl::transfer::Malformed| Fault {
            error: Some(newel_asl::error::ITEM_READER_FAILED.into()),
            cause: Some(why.to_string().into()),
        };
        let read = Page::try_from(page.value()).map_err(malformed)?;
        let first = self.record.total;
        let mark = PageMark {
            number: reading.next,
            first,
            end: first + u64::try_from(read.items.len()).unwrap_or(0),
        };
        self.ops.push(Op::PutFrame(FrameRow {
            execution: self.id,
            path: mark.path(),
            record: encode(&page),
        }));
        reading.ended = read.cursor.is_none() || mark.end >= most;
        reading.next += 1;
        reading.pages.push(mark);
        pages.push_back(ReadItems { first, page });
        self.record.total = mark.end;
        self.changed = true;
        Ok(())
    }

    /// Lets pages go all of whose children have begun; the last one stays while it says where the next one begins.
    pub(super) fn let_pages_go(&mut self) {
        let planned = self.due.begin.iter().map(|(child, _)| child);
        let waiting = planned.chain(&self.record.never_begun).map(|child| child.first).min();
        let needed = waiting.unwrap_or(u64::MAX).min(self.record.next_item);
        let (Some(reading), Items::Read(pages)) = (&mut self.record.reading, &mut self.items) else { return };
        let keep = usize::from(!reading.ended);
        let spent = reading.pages.iter().take_while(|mark| mark.end <= needed).count();
        let spent = spent.min(reading.pages.len().saturating_sub(keep));
        for mark in reading.pages.drain(..spent) {
            self.ops.push(Op::DeleteFrame(self.id, mark.path()));
            self.changed = true;
        }
        pages.drain(..spent);
    }

    /// Has everything be read from the start again, if no child has begun: what was wrong with it may have been put right.
    pub(super) fn read_anew(&mut self) {
        if self.record.reading.is_none() || self.record.next_child > 0 {
            return;
        }
        for mark in self.record.reading.iter().flat_map(|reading| &reading.pages) {
            self.ops.push(Op::DeleteFrame(self.id, mark.path()));
        }
        self.record.reading = Some(Reading::default());
        self.record.total = 0;
        self.items = Items::of(&self.plan.items);
        self.changed = true;
    }
}

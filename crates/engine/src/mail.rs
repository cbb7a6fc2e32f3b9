//! Mail: what happens to executions, and who waits to hear what became of it.

use std::collections::VecDeque;

use newel_machine::{Fault, Input, Reply, TaskReport};
use tokio::sync::oneshot;

use crate::Error;

/// Inputs that go into one turn at most: every one of them is carried out whatever the turn's budget.
const TURN_INPUTS: usize = 128;

/// Whoever waits to hear what became of something, if anybody does.
pub(crate) type Asker = Option<oneshot::Sender<Result<Reply, Error>>>;

/// Something that happened to an execution, and who waits to hear what became of it.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) what: What,
    pub(crate) asker: Asker,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum What {
    /// An input as the machine takes it.
    Input(Input),
    /// A task token came back; its frame is found by the event that entered the state.
    Token { entry: u64, attempt: u32, secret: [u8; 16], report: TaskReport },
}

impl What {
    /// That an execution is stopped from outside.
    pub(crate) const fn stop(fault: Fault) -> Self {
        Self::Input(Input::Stop(fault))
    }

    const fn is_clock(&self) -> bool {
        matches!(self, Self::Input(Input::Clock))
    }

    /// Stops and clocks go before everything else: a loop of the execution's own must not keep them waiting.
    const fn is_urgent(&self) -> bool {
        matches!(self, Self::Input(Input::Stop(_) | Input::Clock))
    }
}

/// Tells whoever waits, if anybody does.
pub(crate) fn answer(asker: Asker, answer: Result<Reply, Error>) {
    if let Some(asker) = asker {
        // Whoever asked may have given up.
        let _gone = asker.send(answer);
    }
}

impl Mail {
    /// Mail that nobody waits for.
    pub(crate) const fn note(input: Input) -> Self {
        Self { what: What::Input(input), asker: None }
    }

    /// Mail with an answer.
    pub(crate) fn asking(what: What) -> (Self, oneshot::Receiver<Result<Reply, Error>>) {
        let (asker, answer) = oneshot::channel();
        (Self { what, asker: Some(asker) }, answer)
    }

    /// Answers it.
    pub(crate) fn answer(self, with: Result<Reply, Error>) {
        answer(self.asker, with);
    }
}

/// What waits for one execution, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    urgent: VecDeque<Mail>,
    rest: VecDeque<Mail>,
}

impl From<Mail> for Mailbox {
    fn from(mail: Mail) -> Self {
        let mut mailbox = Self::default();
        mailbox.push(mail);
        mailbox
    }
}

impl Mailbox {
    /// Takes mail in, or gives it back when `most` are waiting already.
    pub(crate) fn put(&mut self, mail: Mail, most: usize) -> Result<(), Mail> {
        if mail.what.is_clock() && self.urgent.iter().any(|waiting| waiting.what.is_clock()) {
            return Ok(());
        }
        let waiting = if mail.what.is_urgent() { self.urgent.len() } else { self.rest.len() };
        if waiting >= most {
            return Err(mail);
        }
        self.push(mail);
        Ok(())
    }

    fn push(&mut self, mail: Mail) {
        if mail.what.is_urgent() { self.urgent.push_back(mail) } else { self.rest.push_back(mail) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.rest.is_empty()
    }

    /// As much as goes into one turn.
    pub(crate) fn take(&mut self) -> Vec<Mail> {
        let urgent = self.urgent.len().min(TURN_INPUTS);
        let rest = self.rest.len().min(TURN_INPUTS - urgent);
        self.urgent.drain(..urgent).chain(self.rest.drain(..rest)).collect()
    }

    pub(crate) fn into_all(self) -> Vec<Mail> {
        self.urgent.into_iter().chain(self.rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(name: &str) -> Mail {
        Mail::note(Input::Stop(Fault { error: Some(name.into()), cause: None }))
    }

    fn shown(mail: Vec<Mail>) -> Vec<String> {
        mail.into_iter()
            .map(|mail| match mail.what {
                What::Input(Input::Stop(fault)) => fault.error.unwrap_or_default().to_string(),
                What::Input(input) => format!("{input:?}"),
                What::Token { .. } => "token".to_owned(),
            })
            .collect()
    }

    #[test]
    fn urgent_mail_comes_first_and_the_first_stop_before_the_second() {
        let mut mailbox = Mailbox::from(Mail::note(Input::Start));
        for mail in [stop("a"), Mail::note(Input::Clock), stop("b"), Mail::note(Input::Clock)] {
            assert!(mailbox.put(mail, 9).is_ok());
        }
        assert_eq!(shown(mailbox.take()), ["a", "Clock", "b", "Start"], "one clock is as good as two");
        assert!(mailbox.is_empty());
    }

    #[test]
    fn both_kinds_are_bounded_and_neither_keeps_the_other_out() {
        let mut mailbox = Mailbox::default();
        for _ in 0..2 {
            assert!(mailbox.put(Mail::note(Input::Start), 2).is_ok());
        }
        assert!(mailbox.put(Mail::note(Input::Start), 2).is_err());
        assert!(mailbox.put(stop("a"), 2).is_ok() && mailbox.put(stop("b"), 2).is_ok());
        assert!(mailbox.put(stop("c"), 2).is_err());
        assert_eq!(mailbox.into_all().len(), 4);
    }

    #[test]
    fn a_turn_takes_a_bounded_number() {
        let mut mailbox = Mailbox::default();
        for _ in 0..TURN_INPUTS + 5 {
            assert!(mailbox.put(Mail::note(Input::Start), 1_000).is_ok());
        }
        assert_eq!((mailbox.take().len(), mailbox.take().len()), (TURN_INPUTS, 5));
    }
}

//! One session: what is read from a worker's stream, and what is written to it.

use std::sync::{Arc, OnceLock};

use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::session_request::Message;
use newel_value::Str;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Duration, Instant, timeout};
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::hub::Hub;
use crate::inbound::{Assembler, incoming, introduction};
use crate::outbound::{Encoder, keepalive, response};
use crate::registrations::registrations;
use crate::reports::Reports;
use crate::state::SessionId;

/// How long a session's end may take to be told to a worker that doesn't read.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where messages to a worker go.
pub(crate) type Outlet = mpsc::Sender<Result<wire::SessionResponse, Status>>;

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) family: Str,
    pub(crate) worker: Str,
    pub(crate) reports: Reports,
    /// Ends everything that is done for the session.
    pub(crate) stop: CancellationToken,
    wake: Arc<Notify>,
    /// What the worker is told at the end.
    farewell: OnceLock<Status>,
}

impl Session {
    /// Ends the session and tells the worker why. The first reason counts.
    pub(crate) fn end(&self, why: Status) {
        // Set before: it was ended for another reason.
        let _ = self.farewell.set(why);
        self.stop.cancel();
    }
}

impl Hub {
    /// Carries a session from its first message to its end. `family` is the one that the worker's credentials are for.
    pub(crate) async fn carry<S>(self: Arc<Self>, family: Option<String>, mut inbound: S, outlet: Outlet)
    where
        S: Stream<Item = Result<wire::SessionRequest, Status>> + Send + Unpin,
    {
        match self.greet(family.as_deref(), &mut inbound, &outlet).await {
            Ok(session) => {
                let writer = self.spawn(Arc::clone(&self).write(Arc::clone(&session), outlet));
                if let Err(status) = self.read(&session, inbound).await {
                    session.end(status);
                }
                session.stop.cancel();
                self.close(&session);
                // It has been told to stop; a panic of its own is logged by the runtime.
                let _ = writer.await;
            }
            // A worker that is gone can't be told.
            Err(status) => drop(timeout(FAREWELL, outlet.send(Err(status))).await),
        }
    }

    async fn greet<S>(
        self: &Arc<Self>,
        family: Option<&str>,
        inbound: &mut S,
        outlet: &Outlet,
    ) -> Result<Arc<Session>, Status>
    where
        S: Stream<Item = Result<wire::SessionRequest, Status>> + Send + Unpin,
    {
        let first = timeout(self.options().hello_timeout(), inbound.next())
            .await
            .map_err(|_| Status::deadline_exceeded("no Hello came"))?;
        let Some(Message::Hello(mut hello)) = first.transpose()?.and_then(|request| request.message) else {
            return Err(Status::invalid_argument("the first message must be Hello"));
        };
        let version = hello.version.clone();
        let registrations = registrations(&hello.family.as_str().into(), &mut hello);
        let introduction = introduction(hello, family)?;
        self.register(registrations).await?;
        let (family, worker) = (Arc::clone(&introduction.family), Arc::clone(&introduction.worker));
        let held = introduction.held.len();
        let (session, keep) = self.open(introduction, |id, wake| Session {
            id,
            family,
            worker,
            reports: Reports::new(self.options()),
            stop: CancellationToken::new(),
            wake,
            farewell: OnceLock::new(),
        })?;
        tracing::info!(
            family = &*session.family,
            worker = &*session.worker,
            version,
            session = session.id,
            held,
            kept = keep.len(),
            "a worker's session is open"
        );
        let welcome = wire::Welcome {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            replicas: self.options().advertise.clone(),
            keep: keep.iter().map(crate::wire::task_to_wire).collect(),
            keepalive_millis: self.options().keepalive_millis,
        };
        let welcome = response(wire::session_response::Message::Welcome(welcome));
        if outlet.send(Ok(welcome)).await.is_err() {
            session.stop.cancel();
        }
        Ok(session)
    }

    /// Until the stream ends, the session is ended, or the worker breaks the protocol.
    async fn read<S>(self: &Arc<Self>, session: &Arc<Session>, mut inbound: S) -> Result<(), Status>
    where
        S: Stream<Item = Result<wire::SessionRequest, Status>> + Send + Unpin,
    {
        let options = self.options();
        let mut assembler = Assembler::new(options.session_chunk_bytes, options.session_chunked_payloads);
        // Cancellation loses at most a message that the worker repeats: nothing of it is acknowledged.
        let reading = async {
            while let Some(request) = inbound.next().await {
                let request = match request {
                    Ok(request) => request,
                    Err(status) => {
                        tracing::debug!(session = session.id, %status, "a session's stream broke");
                        return Ok(());
                    }
                };
                match request.message {
                    Some(Message::Reports(batch)) => {
                        self.read_reports(session, batch, &mut assembler).await?
                    }
                    Some(Message::Chunk(chunk)) => assembler.add(&chunk)?,
                    Some(Message::Credit(credit)) => {
                        self.change(|state| state.credit(session.id, credit.count, credit.bytes));
                    }
                    Some(Message::Draining(wire::Draining {})) => {
                        tracing::info!(
                            session = session.id,
                            worker = &*session.worker,
                            "a worker is going away"
                        );
                        self.change(|state| state.drain(session.id));
                    }
                    Some(Message::Hello(_)) => return Err(crate::wire::violation("a second Hello")),
                    // A newer worker may say more than this orchestrator understands.
                    None => {}
                }
            }
            Ok(())
        };
        session.stop.run_until_cancelled(reading).await.unwrap_or(Ok(()))
    }

    async fn read_reports(
        self: &Arc<Self>,
        session: &Arc<Session>,
        batch: wire::ReportBatch,
        assembler: &mut Assembler,
    ) -> Result<(), Status> {
        for report in batch.reports {
            let incoming = incoming(report, assembler)?;
            let slot = session.reports.slot(incoming.bytes).await?;
            self.take_report(session, incoming, slot);
        }
        Ok(())
    }

    async fn write(self: Arc<Self>, session: Arc<Session>, outlet: Outlet) {
        let writing = self.write_until_gone(&session, &outlet);
        if session.stop.run_until_cancelled(writing).await.is_some() {
            // The worker is gone: its stream needs no reading any more.
            session.stop.cancel();
        } else if let Some(status) = session.farewell.get() {
            // A worker that doesn't read isn't waited for.
            drop(timeout(FAREWELL, outlet.send(Err(status.clone()))).await);
        }
    }

    async fn write_until_gone(&self, session: &Session, outlet: &Outlet) {
        let keepalive_after = self.options().keepalive();
        let mut encoder = Encoder::default();
        let mut silent_since = Instant::now();
        loop {
            let outgoing = self.change(|state| state.take(session.id));
            if outgoing.is_empty() {
                let silence = tokio::time::sleep_until(silent_since + keepalive_after);
                tokio::select! {
                    biased;
                    () = session.wake.notified() => continue,
                    () = silence => {
                        if outlet.send(Ok(keepalive())).await.is_err() {
                            return;
                        }
                    }
                    () = outlet.closed() => return,
                }
            }
            for message in encoder.messages(outgoing) {
                if outlet.send(Ok(message)).await.is_err() {
                    return;
                }
            }
            silent_since = Instant::now();
        }
    }
}

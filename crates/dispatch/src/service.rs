//! The gRPC service.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use newel_proto::worker::v1 as wire;
use newel_proto::worker::v1::worker_service_server::{WorkerService, WorkerServiceServer};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::Hub;

/// How long a worker's message may be. A Hello names all that a worker holds and may be longer than the 1 MiB of other
/// messages; this is what gRPC clients and servers take if they aren't told otherwise.
const MAX_INBOUND_MESSAGE: usize = 4 << 20;

/// Tells the family that a call's credentials are for; `None` if no credentials are configured, so that a worker may be
/// of any family. Its error is the call's.
pub type Authenticate = Arc<dyn Fn(&MetadataMap) -> Result<Option<String>, Status> + Send + Sync>;

/// `newel.worker.v1.WorkerService` over a [`Hub`].
#[derive(Clone)]
pub struct Sessions {
    hub: Arc<Hub>,
    authenticate: Authenticate,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("hub", &self.hub).finish_non_exhaustive()
    }
}

impl Hub {
    /// The service for a gRPC server. The server should ping its connections (`http2_keepalive_interval`), since a
    /// worker that is cut off says nothing.
    pub fn service(self: &Arc<Self>, authenticate: Authenticate) -> WorkerServiceServer<Sessions> {
        WorkerServiceServer::new(Sessions { hub: Arc::clone(self), authenticate })
            .max_decoding_message_size(MAX_INBOUND_MESSAGE)
    }
}

#[tonic::async_trait]
impl WorkerService for Sessions {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<wire::SessionResponse, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<wire::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let family = (self.authenticate)(request.metadata())?;
        if self.hub.engine().is_none() {
            return Err(Status::unavailable("the orchestrator is starting or stopping"));
        }
        let (outlet, outbound) = mpsc::channel(self.hub.options().session_messages);
        self.hub.spawn(Arc::clone(&self.hub).carry(family, request.into_inner(), outlet));
        Ok(Response::new(Box::pin(ReceiverStream::new(outbound))))
    }
}

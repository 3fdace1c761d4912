//! A replay while it runs.

use contract::MessageId;
use tokio::sync::watch;

/// A replay that runs in this process. When its task ends, nobody listens to `cancel` any more.
pub(crate) struct Running {
    pub(super) id: MessageId,
    pub(super) cancel: watch::Sender<bool>,
}

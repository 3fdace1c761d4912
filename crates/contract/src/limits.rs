//! Every bound, with its name.

use std::time::Duration;

/// Characters of a tenant's, route's or target's name.
pub const NAME_CHARS_MAX: usize = 64;
/// Targets of one route. The ordinal of a delivery has 16 bits; this keeps one accept small.
pub const FAN_OUT_MAX: usize = 256;
/// Keys that sign the requests of one target, each with a signature of its own.
pub const SIGNING_KEYS_MAX: usize = 8;
/// A message body, unless the configuration says otherwise (Standard Webhooks and AWS limit near here).
pub const BODY_BYTES_DEFAULT: usize = 256 * 1024;
/// The largest body that a configuration may allow.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Headers of a request that are kept with its message.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// An `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// An order key.
pub const ORDER_KEY_BYTES_MAX: usize = 255;
/// The name of who edits a dead delivery.
pub const EDITOR_BYTES_MAX: usize = 128;
/// How long an `Idempotency-Key` is remembered (published in the guide).
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 3600);
/// Bytes of a template in a URL or a header's value.
pub const TEMPLATE_BYTES_MAX: usize = 4 * 1024;
/// Steps of a template: more than any that is only a path or a header needs.
pub const TEMPLATE_FUEL: u64 = 20_000;
/// Bytes of an error code that an API names in its answer; what is longer is a text for people.
pub const ERROR_CODE_BYTES_MAX: usize = 128;
/// Bytes that a template gives, as a path with its query or as a header's value.
pub const RENDERED_BYTES_MAX: usize = 8 * 1024;
/// Bytes kept of an API's answer.
pub const CAPTURE_BYTES_MAX: usize = 16 * 1024;
/// Bytes kept of an API's answer where another delivery or the caller reads it. What is longer is a failure.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// The wait for a primary target's answer, unless its route says otherwise.
pub const PRIMARY_WAIT_DEFAULT: Duration = Duration::from_secs(30);
/// Items in one `POST /v1/messages/batch`.
pub const BATCH_ITEMS_MAX: usize = 1000;
/// Requests that may wait for a commit at once; beyond it the answer is 503.
pub const ACCEPT_QUEUE_MAX: usize = 4096;
/// Items that one transaction of a store takes.
pub const COMMIT_ITEMS_MAX: usize = 1024;
/// Deliveries that a target keeps in memory, in flight and waiting together.
pub const WINDOW_ITEMS_MAX: usize = 4096;
/// Of them, those that a message which comes from outside may find in hand; above it there is room for what is claimed of each line.
pub const ADMIT_ITEMS_MAX: usize = WINDOW_ITEMS_MAX - 6 * (CLAIM_ITEMS_MAX + CLAIM_ITEMS_MAX / 2);
/// Bytes of message bodies that all windows together keep in memory.
pub const WINDOW_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Each target may use this part of [`WINDOW_BYTES_MAX`] (or of the configured bytes) whatever the other targets use.
pub const LANE_SHARE: usize = 64;
/// Deliveries that one claim brings into memory for one target.
pub const CLAIM_ITEMS_MAX: usize = 256;
/// Calls that a rate may allow in its second, minute or hour, and at once.
pub const RATE_MAX: u32 = 1_000_000;
/// Deliveries past their deadline that one call of a store ends.
pub const EXPIRE_ITEMS_MAX: usize = 256;
/// Settlements that wait for a commit; a courier with one more waits for room.
pub const SETTLE_QUEUE_MAX: usize = 4096;
/// Rows of one page of a list.
pub const PAGE_ITEMS_MAX: usize = 500;
/// Places that one look at the past passes, whatever is there: it holds back nobody for long.
pub const HISTORY_LOOKS_MAX: u32 = 2000;
/// Bytes of message bodies after which one look at the past ends (at least one message is given).
pub const HISTORY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deliveries that a replay adds in one commit: live messages wait for it.
pub const APPEND_ITEMS_MAX: u8 = 16;
/// Replays that run at once.
pub const REPLAYS_MAX: usize = 16;
/// Deliveries per second of a replay that asks for no rate.
pub const REPLAY_RATE_DEFAULT: f64 = 100.0;
/// Attempts that a schedule may name.
pub const ATTEMPTS_MAX: u32 = 100;
/// Times a delivery may be claimed from a dead session before it is `dead(poison)`.
pub const ORPHANED_MAX: u32 = 5;
/// The longest `Retry-After` that is obeyed.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// The longest `Prefer: wait`.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest wait before a first attempt that a message may ask for. What waits is never forgotten, so it does not depend on retention.
pub const DELAY_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often a node renews its session.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);
/// A session not renewed for this long is dead.
pub const SESSION_DEAD_AFTER: Duration = Duration::from_secs(20);

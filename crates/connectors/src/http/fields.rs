//! Decides which header fields of a message travel on to a target.

use contract::field::{Owner, describes_body, owner};
use contract::target::Form;

/// Whether a field (its name in lower case) of a message is passed on.
pub(super) fn passes(name: &str, form: Form) -> bool {
    match form {
        Form::Untouched => owner(name) == Owner::Message,
        // The body is another one: what described the old one would lie.
        Form::Shaped => !describes_body(name) && owner(name) == Owner::Message,
    }
}

/// Whether a configuration may not set a field: it belongs to the connection, or we write it ourselves.
pub(super) fn is_reserved(name: &str) -> bool {
    match owner(name) {
        Owner::Connection | Owner::Gateway => true,
        Owner::Message | Owner::Caller => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_the_message_passes_and_what_concerns_the_caller_does_not() {
        for name in ["content-type", "content-encoding", "ce-id", "tracestate", "date"] {
            assert!(passes(name, Form::Untouched), "{name}");
        }
        for name in ["connection", "host", "authorization", "idempotency-key", "webhook-signature"] {
            assert!(!passes(name, Form::Untouched) && !passes(name, Form::Shaped), "{name}");
        }
    }

    #[test]
    fn a_shaped_body_loses_what_described_the_old_one() {
        for name in
            ["content-type", "content-encoding", "content-md5", "content-digest", "digest", "repr-digest"]
        {
            assert!(!passes(name, Form::Shaped), "{name}");
        }
        assert!(passes("ce-id", Form::Shaped));
    }

    #[test]
    fn a_configuration_may_speak_for_the_caller_and_not_for_us() {
        for name in ["authorization", "user-agent", "accept", "x-api-key"] {
            assert!(!is_reserved(name), "{name}");
        }
        for name in ["content-length", "transfer-encoding", "fanlight-attempt", "webhook-signature"] {
            assert!(is_reserved(name), "{name}");
        }
    }
}

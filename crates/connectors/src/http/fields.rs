//! Decides which header fields of a message travel on to a target.

use contract::target::Form;

/// Whether a field (its name in lower case) of the caller's request is passed on.
pub(super) fn passes(name: &str, form: Form) -> bool {
    if is_reserved(name) || is_callers_own(name) {
        return false;
    }
    match form {
        Form::Untouched => true,
        // The body is another one: what described the old one would lie.
        Form::Shaped => !name.starts_with("content-") && !matches!(name, "digest" | "repr-digest"),
    }
}

/// Fields that belong to the connection, or that we write ourselves so that they mean what we say they mean.
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "content-length"
            | "expect"
            | "webhook-id"
            | "webhook-timestamp"
            | "idempotency-key"
    ) || name.starts_with("fanlight-")
}

/// Fields that are between the caller and the gateway: credentials, wishes about the answer, the caller's idea of the host.
fn is_callers_own(name: &str) -> bool {
    matches!(name, "host" | "authorization" | "cookie" | "prefer" | "accept-encoding" | "user-agent")
        || name.starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_the_message_passes_and_what_concerns_the_caller_does_not() {
        let passing =
            ["content-type", "content-encoding", "ce-id", "x-request-id", "tracestate", "accept", "date"];
        let stopped = [
            "connection",
            "keep-alive",
            "proxy-connection",
            "proxy-authorization",
            "proxy-anything",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "host",
            "content-length",
            "expect",
            "authorization",
            "cookie",
            "idempotency-key",
            "prefer",
            "fanlight-attempt",
            "fanlight-anything",
            "webhook-id",
            "user-agent",
        ];
        for name in passing {
            assert!(passes(name, Form::Untouched), "{name}");
        }
        for name in stopped {
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
}

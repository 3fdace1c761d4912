//! Whose a header field is: the one list that every door, target and edit asks.

/// Whose a header field of a request is. Only a message's own fields are kept with it and travel on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It describes the message.
    Message,
    /// It is between the caller and the gateway: credentials, wishes about the answer, the caller's idea of the host.
    Caller,
    /// It belongs to one connection (RFC 9110, section 7.6.1) or frames one request.
    Connection,
    /// The gateway writes it, so that it means what the guide says it means.
    Gateway,
}

/// Whose the field with this name (in lower case) is. `_` counts as `-`: to many servers behind a gateway both are one name, and
/// `webhook_id` would speak for `webhook-id`.
///
/// ```
/// use contract::field::{Owner, owner};
/// assert_eq!(owner("content-type"), Owner::Message);
/// assert_eq!(owner("authorization"), Owner::Caller);
/// assert_eq!(owner("transfer-encoding"), Owner::Connection);
/// assert_eq!(owner("webhook-id"), Owner::Gateway);
/// assert_eq!(owner("webhook_id"), Owner::Gateway);
/// ```
#[must_use]
pub fn owner(name: &str) -> Owner {
    if name.contains('_') {
        return owner(&name.replace('_', "-"));
    }
    match name {
        "accept" | "accept-encoding" | "accept-language" | "authorization" | "cookie" | "host" | "prefer"
        | "user-agent" => Owner::Caller,
        "connection" | "content-length" | "expect" | "http2-settings" | "keep-alive" | "te" | "trailer"
        | "transfer-encoding" | "upgrade" => Owner::Connection,
        "idempotency-key" => Owner::Gateway,
        _ if name.starts_with("proxy-") => Owner::Connection,
        _ if name.starts_with("webhook-") || name.starts_with("fanlight-") => Owner::Gateway,
        _ => Owner::Message,
    }
}

/// Whether a field describes the body, so that it would lie about another one.
///
/// ```
/// use contract::field::describes_body;
/// assert!(describes_body("content-encoding") && !describes_body("ce-id"));
/// ```
#[must_use]
pub fn describes_body(name: &str) -> bool {
    name.starts_with("content-") || matches!(name, "digest" | "repr-digest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_one_owner() {
        let cases = [
            (
                Owner::Message,
                "content-type content-encoding ce-id x-request-id traceparent tracestate date proxy webhooks x_tag",
            ),
            (
                Owner::Caller,
                "accept accept-encoding accept-language authorization cookie host prefer user-agent",
            ),
            (
                Owner::Connection,
                "connection content-length expect http2-settings keep-alive proxy-anything proxy-authorization \
                 proxy-connection te trailer transfer-encoding upgrade content_length transfer_encoding",
            ),
            (
                Owner::Gateway,
                "fanlight-anything fanlight-attempt idempotency-key webhook-id webhook-signature webhook-timestamp \
                 fanlight_params idempotency_key webhook-_id webhook_signature",
            ),
        ];
        for (expected, names) in cases {
            for name in names.split_whitespace() {
                assert_eq!(owner(name), expected, "{name}");
            }
        }
    }
}

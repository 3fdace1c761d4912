//! What is known of well-known APIs, as data: settings of a target, each with the vendor's page that says so.

/// A preset's name and its text.
type Named = (&'static str, &'static str);

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        /// All of them, in order of name.
        pub const ALL: &[Named] = &[$(($name, include_str!(concat!("../presets/", $name, ".yaml")))),*];
    };
}

presets! {
    "algolia",
    "dhl",
    "elasticsearch",
    "facebook",
    "fedex",
    "github",
    "hubspot",
    "mailchimp",
    "mailgun",
    "openai",
    "opensearch",
    "paypal",
    "salesforce",
    "salesforce-marketing-cloud",
    "sendgrid",
    "shopify",
    "slack",
    "stripe",
    "twilio",
    "x",
}

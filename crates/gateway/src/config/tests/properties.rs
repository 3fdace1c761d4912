//! Whatever the text is, it is read or refused with a reason.

use super::*;
use proptest::prelude::*;

/// Reads the text; whatever comes of it can be shown.
fn read(text: &str) -> Result<(), TestCaseError> {
    match parse(text, "fanlight.yaml", &World) {
        Ok(config) => {
            prop_assert!(!config.warnings.is_refusal());
            prop_assert!(!config.routes.is_empty() && !config.targets.is_empty());
            for route in &config.routes {
                prop_assert!(
                    route.to.iter().all(|name| config.targets.iter().any(|target| target.name == *name))
                );
            }
        }
        Err(report) => {
            prop_assert!(report.is_refusal(), "a refusal without a reason");
            prop_assert!(!report.to_string().is_empty());
            prop_assert!(serde_json::to_string(&report).is_ok());
        }
    }
    Ok(())
}

/// Pieces of configurations, right and wrong, in any order.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "routes:",
        "targets:",
        "\n",
        "\n  ",
        "\n    ",
        "\n      ",
        "in:",
        "out:",
        "accept: ",
        "POST /in",
        "ANY /{*r}",
        "to: ",
        "[out]",
        "out",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "- ",
        "url: ",
        "https://example.com/",
        "http://[::1",
        "retry:",
        "schedule: ",
        "[0s, 5s]",
        "exponential:",
        "{first: 1s}",
        "timeout: ",
        "15s",
        "{total: 5m}",
        "headers:",
        "x-a: ",
        "${MAIL_TOKEN}",
        "${",
        "'",
        "\"",
        "&a ",
        "*a",
        "<<: ",
        "|\n",
        ">-\n",
        "body: ",
        ".a",
        "def f: f; f",
        "null",
        "~",
        "5",
        "1e999",
        "true",
        "#",
        "é",
        "\t",
        "!!str ",
        "---\n",
        "limits: {body: 1KiB}\n",
        "admin: 127.0.0.1:1\n",
        "success: 2xx",
    ])
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        read(&text)?;
    }

    #[test]
    fn any_pieces_are_read_or_refused(pieces in prop::collection::vec(piece(), 0..60)) {
        read(&pieces.concat())?;
    }

    #[test]
    fn a_good_text_with_a_slip_is_read_or_refused(at in 0..COMPLETE.len(), length in 0usize..30, slip in piece()) {
        let mut text = COMPLETE.to_owned();
        let end = (at + length).min(text.len());
        text.replace_range(at..end, slip);
        read(&text)?;
    }

    #[test]
    fn any_bytes_of_a_file_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        struct File(Vec<u8>);
        impl Environment for File {
            fn variable(&self, _: &str) -> Option<String> {
                None
            }
            fn file(&self, _: &Path) -> io::Result<Vec<u8>> {
                Ok(self.0.clone())
            }
        }
        let report = load(Path::new("fanlight.yaml"), &File(bytes)).expect_err("this is no configuration");
        prop_assert!(report.is_refusal() && !report.to_string().is_empty());
    }
}

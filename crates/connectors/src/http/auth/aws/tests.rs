//! The published examples: the test suite of Signature Version 4, and those of the S3 reference.

use super::*;

/// `Thu, 30 Aug 2015 12:36:00 GMT`.
const SUITE_AT: Timestamp = Timestamp::from_micros(1_440_938_160_000_000);
/// `Fri, 24 May 2013 00:00:00 GMT`.
const S3_AT: Timestamp = Timestamp::from_micros(1_369_353_600_000_000);

fn suite() -> Aws {
    Aws {
        region: "us-east-1".to_owned(),
        service: "service".to_owned(),
        access_key_id: Secret::new("AKIDEXAMPLE"),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: None,
    }
}

fn s3() -> Aws {
    Aws {
        service: "s3".to_owned(),
        access_key_id: Secret::new("AKIAIOSFODNN7EXAMPLE"),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ..suite()
    }
}

/// One example: method, path, query, fields besides host and date, body, names of the signed fields, signature.
type Example = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
    &'static str,
);

fn authorization(aws: &Aws, host: &str, at: Timestamp, example: &Example) -> String {
    let (method, path, query, more, body, ..) = *example;
    let moment = moment(at);
    let payload = hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
    let mut fields = vec![("host", host.to_owned()), ("x-amz-date", moment.clone())];
    fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let mut paths = Paths::Tidied;
    if aws.service == "s3" {
        fields.push(("x-amz-content-sha256", payload.clone()));
        paths = Paths::AsTheyAre;
    }
    aws.authorization(&Request { method, path, query, fields: &fields, payload: &payload, paths }, &moment)
}

const PLAIN: &str = "host;x-amz-date";
const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
const TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";

#[rustfmt::skip]
const SUITE: [Example; 19] = [
    ("GET", "/", "", &[], "", PLAIN, VANILLA),
    ("POST", "/", "", &[], "", PLAIN, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", &[], "", PLAIN,
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    ("GET", "/ሴ", "", &[], "", PLAIN, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ("GET", "/example space/", "", &[], "", PLAIN, "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    ("GET", "//example//", "", &[], "", PLAIN, "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
    ("GET", "//", "", &[], "", PLAIN, VANILLA),
    ("GET", "/./", "", &[], "", PLAIN, VANILLA),
    ("GET", "/example/..", "", &[], "", PLAIN, VANILLA),
    ("GET", "/example1/example2/../..", "", &[], "", PLAIN, VANILLA),
    ("GET", "/./example", "", &[], "", PLAIN, "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
    ("GET", "/", "Param2=value2&Param1=value1", &[], "", PLAIN,
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ("GET", "/", "Param1=value2&Param1=value1", &[], "", PLAIN,
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"),
    ("GET", "/", "ሴ=bar", &[], "", PLAIN, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ("GET", "/", "", &[("my-header1", "value4"), ("my-header1", "value1"), ("my-header1", "value3"), ("my-header1", "value2")], "",
        "host;my-header1;x-amz-date", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"),
    ("GET", "/", "", &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")], "",
        "host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
    ("GET", "/", "", &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")], "",
        "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    ("POST", "/", "", &[("content-type", "application/x-www-form-urlencoded")], "Param1=value1",
        "content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ("GET", "/", "", &[("x-amz-security-token", TOKEN)], "",
        "host;x-amz-date;x-amz-security-token", "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"),
];

#[rustfmt::skip]
const S3: [Example; 2] = [
    ("GET", "/test.txt", "", &[("range", "bytes=0-9")], "",
        "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ("PUT", "/test$file.text", "", &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        "Welcome to Amazon S3.", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
];

#[test]
fn the_published_examples_are_signed_as_published() {
    let credential = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
    for example in &SUITE {
        let expected = format!("{credential}, SignedHeaders={}, Signature={}", example.5, example.6);
        assert_eq!(
            authorization(&suite(), "example.amazonaws.com", SUITE_AT, example),
            expected,
            "{example:?}"
        );
    }
    let credential = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
    for example in &S3 {
        let expected = format!("{credential}, SignedHeaders={}, Signature={}", example.5, example.6);
        let given = authorization(&s3(), "examplebucket.s3.amazonaws.com", S3_AT, example);
        assert_eq!(given, expected, "{example:?}");
    }
}

#[test]
fn a_request_carries_what_was_signed_in_both_http_versions() {
    let aws = Aws { session_token: Some(Secret::new(TOKEN)), ..suite() };
    let one = |url: &str, host: Option<&str>| {
        let mut request = http::Request::get(url);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let mut request = request.header("x-not-signed", "1").body(()).unwrap();
        let value = aws.sign(&mut request, b"", SUITE_AT).unwrap();
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
        assert_eq!(request.headers()["x-amz-security-token"], TOKEN);
        assert!(request.headers()["x-amz-security-token"].is_sensitive());
        value.to_str().unwrap().to_owned()
    };
    let first = one("/", Some("example.amazonaws.com"));
    assert!(first.ends_with("07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"), "{first}");
    assert_eq!(first, one("https://example.amazonaws.com/", None));
}

#[test]
fn moments_are_written_as_aws_writes_them() {
    for (seconds, expected) in [
        (0, "19700101T000000Z"),
        (951_782_399, "20000228T235959Z"),
        (951_782_400, "20000229T000000Z"),
        (1_440_938_160, "20150830T123600Z"),
        (4_107_542_399, "21000228T235959Z"),
        (4_107_542_400, "21000301T000000Z"),
    ] {
        assert_eq!(moment(Timestamp::from_micros(seconds * 1_000_000)), expected);
    }
}

//! One look at `/metrics`.

use crate::gateway::Gateway;
use anyhow::Result;

/// The page as it was.
pub struct Metrics(String);

impl Metrics {
    /// Reads the page.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(gateway: &Gateway) -> Result<Self> {
        Ok(Self(gateway.operate("GET", "/metrics", "")?))
    }

    /// The sum of all lines with this name and all of these labels.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let value = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let (named, with) = series.split_once('{').unwrap_or((series, ""));
            let has = |(label, value): &(&str, &str)| with.contains(&format!("{label}=\"{value}\""));
            (named == name && labels.iter().all(has)).then(|| value.parse::<u64>().ok())?
        };
        self.0.lines().filter_map(value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_name_with_the_labels_are_added_up() {
        let page = "# TYPE a counter\na_total{target=\"x\",class=\"none\"} 3\na_total{target=\"x\",class=\"status\"} 4\n\
                    a_total{target=\"y\",class=\"none\"} 5\nab_total{target=\"x\"} 6\nb 7\n# EOF\n";
        let metrics = Metrics(page.to_owned());
        assert_eq!(metrics.sum("a_total", &[("target", "x")]), 7);
        assert_eq!(metrics.sum("a_total", &[("target", "x"), ("class", "status")]), 4);
        assert_eq!((metrics.sum("b", &[]), metrics.sum("c", &[])), (7, 0));
    }
}

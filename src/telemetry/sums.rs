//! Sums over what is counted, for those who tell it in few numbers.

use super::metrics::Metrics;

/// All samples at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sums(Vec<Sample>);

#[derive(Debug, Clone)]
struct Sample {
    name: String,
    labels: String,
    value: f64,
}

impl Sums {
    /// What is counted now.
    #[must_use]
    pub fn of(metrics: &Metrics) -> Self {
        Self::parse(&metrics.encode().unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let value = value.parse().ok()?;
            Some(Sample { name: name.to_owned(), labels: labels.to_owned(), value })
        });
        Self(samples.collect())
    }

    /// The sum of a series as it is shown, over all labels.
    #[must_use]
    pub fn of_all(&self, name: &str) -> f64 {
        self.0.iter().filter(|sample| sample.name == name).map(|sample| sample.value).sum()
    }

    /// The same, of those that have a label whose value begins so.
    #[must_use]
    pub fn of_label(&self, name: &str, label: &str, begins: &str) -> f64 {
        let wanted = format!("{label}=\"{begins}");
        let of = self.0.iter().filter(|s| s.name == name && s.labels.contains(&wanted));
        of.map(|sample| sample.value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Sums;

    #[test]
    fn samples_are_summed_over_their_labels() {
        let text = "# HELP a_total x\na_total{k=\"in\",m=\"1\"} 7\na_total{m=\"2\",k=\"out\"} 2.5\n\
                    b 4\n# EOF\n";
        let sums = Sums::parse(text);
        assert_eq!(sums.of_all("a_total"), 9.5);
        assert_eq!(sums.of_label("a_total", "k", "in"), 7.0);
        assert_eq!(sums.of_label("a_total", "k", "o"), 2.5);
        assert_eq!((sums.of_all("b"), sums.of_all("c")), (4.0, 0.0));
    }
}

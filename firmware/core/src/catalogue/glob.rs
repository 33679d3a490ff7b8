//! Names with a `*` inside a label, for providers that put a region or a tenant there.

/// `bedrock-runtime.*.amazonaws.com`: each `*` stands for one or more bytes of its own label and never for a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    /// The labels up to and including the last one with a `*`.
    head: Vec<String>,
    /// The plain labels after them, such as `amazonaws.com`: what globs are filed under.
    parent: String,
}

impl Glob {
    /// Reads a pattern; `None` unless every label holds at most one `*` and at least two plain labels follow the last.
    /// The caller checks that the name is canonical with its `*` replaced.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let labels: Vec<&str> = pattern.split('.').collect();
        let last = labels.iter().rposition(|label| label.contains('*'))?;
        let (head, parent) = labels.split_at(last + 1);
        if parent.len() < 2 || head.iter().any(|label| label.matches('*').count() > 1) {
            return None;
        }
        Some(Self { head: head.iter().map(|label| (*label).to_owned()).collect(), parent: parent.join(".") })
    }

    pub(super) fn parent(&self) -> &str {
        &self.parent
    }

    /// Whether a canonical name fits.
    pub(super) fn matches(&self, name: &str) -> bool {
        let Some(head) = name.strip_suffix(self.parent.as_str()).and_then(|head| head.strip_suffix('.')) else {
            return false;
        };
        let mut labels = head.split('.');
        self.head.iter().all(|pattern| labels.next().is_some_and(|label| label_fits(pattern, label)))
            && labels.next().is_none()
    }
}

fn label_fits(pattern: &str, label: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == label,
        Some((before, after)) => {
            label.len() > before.len() + after.len() && label.starts_with(before) && label.ends_with(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn a_star_stands_for_part_of_one_label() {
        let rows = [
            ("bedrock-runtime.*.amazonaws.com", "bedrock-runtime.eu-west-1.amazonaws.com", true),
            ("bedrock-runtime.*.amazonaws.com", "bedrock-runtime.a.b.amazonaws.com", false),
            ("bedrock-runtime.*.amazonaws.com", "bedrock-runtime.amazonaws.com", false),
            ("bedrock-runtime.*.amazonaws.com", "x.bedrock-runtime.eu-west-1.amazonaws.com", false),
            ("*-aiplatform.googleapis.com", "us-central1-aiplatform.googleapis.com", true),
            ("*-aiplatform.googleapis.com", "-aiplatform.googleapis.com", false),
            ("*-aiplatform.googleapis.com", "aiplatform.googleapis.com", false),
            ("reports*.blob.example.net", "reports7.blob.example.net", true),
            ("reports*.blob.example.net", "reports.evil.blob.example.net", false),
            ("q.*.amazonaws.com", "q.eu.notamazonaws.com", false),
        ];
        for (pattern, name, fits) in rows {
            assert_eq!(Glob::parse(pattern).unwrap().matches(name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_star_may_not_stand_for_a_registered_domain() {
        for pattern in ["api.openai.com", "api.*.com", "api.*", "*", "a*b*c.example.com"] {
            assert_eq!(Glob::parse(pattern), None, "{pattern}");
        }
    }
}

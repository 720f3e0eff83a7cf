//! Optimistic locking: the versions of a task that a write accepts.

use std::fmt;

/// The versions of a task that a write may be based on. If the task has another version, the write fails with a
/// conflict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedVersion(Option<Vec<i32>>);

impl ExpectedVersion {
    /// Accepts any version.
    #[must_use]
    pub fn any() -> Self {
        Self(None)
    }

    /// Accepts these versions; an empty list accepts none.
    #[must_use]
    pub fn one_of(versions: Vec<i32>) -> Self {
        Self(Some(versions))
    }

    pub(super) fn accepts(&self, version: i32) -> bool {
        self.0.as_ref().is_none_or(|versions| versions.contains(&version))
    }

    /// The version, if exactly one is accepted.
    #[must_use]
    pub fn only(&self) -> Option<i32> {
        match self.versions() {
            [version] => Some(*version),
            _ => None,
        }
    }

    /// Also empty if any version is accepted.
    fn versions(&self) -> &[i32] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// `None` accepts any version.
impl From<Option<i32>> for ExpectedVersion {
    fn from(version: Option<i32>) -> Self {
        Self(version.map(|version| vec![version]))
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.versions() else {
            return f.write_str("the one that was expected");
        };
        write!(f, "{first}")?;
        rest.iter().try_for_each(|version| write!(f, " or {version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_takes_the_versions_it_was_based_on() {
        assert!(ExpectedVersion::any().accepts(7) && ExpectedVersion::from(None).accepts(7));
        assert!(ExpectedVersion::from(Some(7)).accepts(7) && !ExpectedVersion::from(Some(6)).accepts(7));
        let either = ExpectedVersion::one_of(vec![6, 7]);
        assert!(either.accepts(6) && either.accepts(7) && !either.accepts(8));
        assert!(!ExpectedVersion::one_of(Vec::new()).accepts(1));
        assert_eq!(either.to_string(), "6 or 7");
    }
}

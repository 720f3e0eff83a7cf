//! Settings of the REST API.

use super::{ConfigError, reader::SettingsReader};

/// Settings of the REST API.
#[derive(Clone, Copy, Debug)]
pub struct RestConfig {
    pub(crate) dialect: RestDialect,
}

/// An API whose clients REST serves unmodified. `docs/MIGRATING.md` describes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestDialect {
    /// `taskwire`: the API of Taskwire.
    Taskwire,
    /// `skip-limit`: roles, `skip` and `limit`, an error envelope.
    SkipLimit,
    /// `accounts`: e-mail accounts, two tokens, small tasks.
    Accounts,
    /// `due-dates`: usernames, due dates, statistics, files by name.
    DueDates,
    /// `due-dates-bare`: `due-dates`, with lists as bare arrays.
    DueDatesBare,
    /// `tags-files`: `completed`, tags, bulk changes, files of tasks.
    TagsFiles,
    /// `tags-files-paged`: `tags-files`, with paginated lists.
    TagsFilesPaged,
    /// `workflow`: `page` and `per_page`, assignment, transitions.
    Workflow,
}

impl RestDialect {
    /// Every dialect.
    pub const ALL: [Self; 8] = [
        Self::Taskwire,
        Self::SkipLimit,
        Self::Accounts,
        Self::DueDates,
        Self::DueDatesBare,
        Self::TagsFiles,
        Self::TagsFilesPaged,
        Self::Workflow,
    ];

    /// The value of `REST_DIALECT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taskwire => "taskwire",
            Self::SkipLimit => "skip-limit",
            Self::Accounts => "accounts",
            Self::DueDates => "due-dates",
            Self::DueDatesBare => "due-dates-bare",
            Self::TagsFiles => "tags-files",
            Self::TagsFilesPaged => "tags-files-paged",
            Self::Workflow => "workflow",
        }
    }
}

impl RestConfig {
    pub(super) fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        let names = RestDialect::ALL.map(|dialect| (dialect.as_str(), dialect));
        Ok(Self {
            dialect: reader.choice("REST_DIALECT", &names, RestDialect::Taskwire)?,
        })
    }
}

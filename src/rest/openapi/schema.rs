//! Values as the document describes them: names with what they may be, texts with their bounds.
//!
//! A bound that a schema cannot tell, such as that a text is measured without the spaces around it, is told by the
//! message of the refusal.

use serde_json::Value;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, OneOfBuilder, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::actor::Role;
use crate::domain::id::{AttachmentId, JobId, TaskId, UserId};
use crate::domain::job::MAX_MESSAGE_LENGTH;
use crate::domain::page::Direction;
use crate::domain::tag::MAX_TAG_LENGTH;
use crate::domain::task::workflow::Status;
use crate::domain::task::{MAX_DESCRIPTION_LENGTH, MAX_TITLE_LENGTH, Priority, TaskSortField};
use crate::domain::user::{MAX_EMAIL_LENGTH, MAX_FULL_NAME_LENGTH, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH};
use crate::rest::value::{self, Named};

/// A line of text: something that can be seen, and no control characters.
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// Text of any number of lines.
const TEXT: &str = r"^[^\u0000]*$";

/// Declares how a value is described, under the name of its type.
macro_rules! described {
    ($(#[doc = $doc:literal])* $name:ident => $schema:expr) => {
        $(#[doc = $doc])*
        pub(in crate::rest) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: Schema = $schema.description(Some(concat!($($doc),*).trim())).build().into();
                schema.into()
            }
        }

        impl ToSchema for $name {}
    };
}

described!(
    /// A number that stands for one of many.
    Id => ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(1)).maximum(Some(i32::MAX)).examples([1])
);
described!(
    /// Where a task stands.
    StatusName => text().enum_values(Some(Status::ALL.map(Status::as_str)))
);
described!(
    /// Where a task stands. `pending` is read as `todo`, `completed` as `done`.
    StatusInput => text().enum_values(Some(Status::names()))
);
described!(
    /// How urgent a task is.
    PriorityName => text().enum_values(Some(Priority::names()))
);
described!(
    /// What a user may do.
    RoleName => text().enum_values(Some(Role::names()))
);
described!(
    /// Statuses, separated by commas.
    StatusNames => text().pattern(Some(several(&Status::names()))).examples(["todo,in_progress"])
);
described!(
    /// Priorities, separated by commas.
    PriorityNames => text().pattern(Some(several(&Priority::names()))).examples(["high,urgent"])
);
described!(
    /// Tags, separated by commas: 1 to 50 characters each.
    TagNames => text().pattern(Some(r"^[^\s,\u0000-\u001f\u007f-\u009f]{1,50}(,[^\s,\u0000-\u001f\u007f-\u009f]{1,50})*$"))
        .examples(["work,home"])
);
described!(
    /// A tag: 1 to 50 characters. Capitals become small.
    TagName => line(MAX_TAG_LENGTH).examples(["work"])
);
described!(
    /// What is to be done, in a line: 1 to 255 characters. Spaces around it are dropped.
    Title => line(MAX_TITLE_LENGTH).examples(["Paint the fence"])
);
described!(
    /// What is to be done, at length: up to 5,000 characters.
    Description => text().max_length(Some(MAX_DESCRIPTION_LENGTH)).pattern(Some(TEXT)).examples(["Two coats, green"])
);
described!(
    /// Text of up to 255 characters.
    Message => text().max_length(Some(MAX_MESSAGE_LENGTH)).pattern(Some(TEXT)).examples(["Count them"])
);
described!(
    /// Words to look for.
    Search => text().examples(["fence"])
);
described!(
    /// An e-mail address, such as `name@example.com`. Capitals become small.
    Email => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).max_length(Some(MAX_EMAIL_LENGTH))
        .examples(["ada@example.com"])
);
described!(
    /// A name to sign in with: 3 to 50 letters from a to z, digits, and `_ . -`.
    Username => text().pattern(Some(r"^[A-Za-z0-9_.\-]{3,50}$")).examples(["ada"])
);
described!(
    /// A name among people: up to 255 characters. An empty text means none.
    FullName => text().max_length(Some(MAX_FULL_NAME_LENGTH)).pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"))
        .examples(["Ada Lovelace"])
);
described!(
    /// A new password: 8 to 128 characters, at least one letter and one digit.
    NewPassword => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length(Some(MIN_PASSWORD_LENGTH)).max_length(Some(MAX_PASSWORD_LENGTH))
        .pattern(Some("([A-Za-z].*[0-9]|[0-9].*[A-Za-z])")).examples(["SecurePass123"])
);
described!(
    /// The name of a column; with a leading `-` in the other direction.
    SortBy => text().enum_values(Some(sort_names()))
);
described!(
    /// Ascending or descending.
    SortOrder => text().enum_values(Some(Direction::names()))
);
described!(
    /// One of the tags, or all of them.
    TagMode => text().enum_values(Some(crate::rest::task::TagMode::names()))
);
described!(
    /// Entity tags of a task, separated by commas, or `*`.
    EntityTags => AnyOfBuilder::new()
        .item(text().enum_values(Some(["*"])))
        .item(text().pattern(Some(r#"^(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*$"#)))
);
described!(
    /// Yes or no, in any case.
    Flag => text().enum_values(Some(["true", "false", "1", "0", "yes", "no", "on", "off", "t", "f", "y", "n"]))
);
described!(
    /// A moment, in UTC.
    Instant => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).examples(["2026-01-31T09:30:00Z"])
);
described!(
    /// A moment such as `2026-01-31T09:30:00Z`, of the years 1 to 9999; a date alone means its midnight in UTC.
    Moment => OneOfBuilder::new()
        .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
        .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))))
        .examples(["2026-01-31T09:30:00Z"])
);
described!(
    /// A day such as `2026-01-31`, of the years 1 to 9999.
    Day => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))).examples(["2026-01-31"])
);

/// Declares how a body is described that is read by hand.
macro_rules! described_by_hand {
    ($body:ty, $name:literal => $schema:expr) => {
        impl ::utoipa::PartialSchema for $body {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::Schema> {
                $schema.into()
            }
        }

        impl ::utoipa::ToSchema for $body {
            fn name() -> ::std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}
pub(in crate::rest) use described_by_hand;

/// A schema that is written in JSON.
pub(in crate::rest) fn of_json(schema: Value) -> Schema {
    serde_json::from_value(schema).unwrap_or_default()
}

described_by_hand!(AttachmentId, "Id" => Id::schema());
described_by_hand!(JobId, "Id" => Id::schema());
described_by_hand!(TaskId, "Id" => Id::schema());
described_by_hand!(UserId, "Id" => Id::schema());
described_by_hand!(value::Moment, "Instant" => Instant::schema());

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// The content of a file.
pub(in crate::rest) fn bytes() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}

/// A line of up to so many characters.
fn line(longest: usize) -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(longest)).pattern(Some(LINE))
}

/// Every column in both directions.
fn sort_names() -> Vec<String> {
    let names = TaskSortField::names();
    let reversed = names.iter().map(|name| format!("-{name}")).collect::<Vec<_>>();
    names.into_iter().map(str::to_owned).chain(reversed).collect()
}

/// Some of these names, with commas in between.
fn several(names: &[&str]) -> String {
    let one = names.join("|");
    format!("^({one})(,({one}))*$")
}

//! Schemas of values: names with their allowed values, texts with their limits.
//!
//! Limits that a schema cannot express, such as the length of trimmed text, are in the error messages.

use serde_json::Value;
use utoipa::PartialSchema as _;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, OneOfBuilder, RefOr, Schema, SchemaFormat};

use crate::domain::actor::Role;
use crate::domain::page::Direction;
use crate::domain::tag::MAX_TAG_LENGTH;
use crate::domain::task::workflow::Status;
use crate::domain::task::{MAX_DESCRIPTION_LENGTH, MAX_TITLE_LENGTH, Priority, TaskSortField};
use crate::domain::user::{MAX_EMAIL_LENGTH, MAX_FULL_NAME_LENGTH, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH};
use crate::rest::value::{self, Named};

/// One line with at least one visible character and no control characters.
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
pub(in crate::rest) const TEXT: &str = r"^[^\u0000]*$";

/// Defines the schemas of values. A resource can define its own at its handlers.
macro_rules! described {
    ($($(#[doc = $doc:literal])* $name:ident => $schema:expr;)*) => { $(
        $(#[doc = $doc])*
        pub(in crate::rest) struct $name;

        impl ::utoipa::PartialSchema for $name {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::Schema> {
                let schema: ::utoipa::openapi::Schema =
                    $schema.description(Some(concat!($($doc),*).trim())).build().into();
                schema.into()
            }
        }

        impl ::utoipa::ToSchema for $name {}
    )* };
}
pub(in crate::rest) use described;

described! {
    /// Unique id.
    Id => ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(1)).maximum(Some(i32::MAX)).examples([1]);
    /// Workflow status.
    StatusName => text().enum_values(Some(Status::ALL.map(Status::as_str)));
    /// Workflow status. `pending` means `todo`, `completed` means `done`.
    StatusInput => text().enum_values(Some(Status::names()));
    /// Priority.
    PriorityName => text().enum_values(Some(Priority::names()));
    /// Role of a user.
    RoleName => text().enum_values(Some(Role::names()));
    /// Statuses, separated by commas.
    StatusNames => text().pattern(Some(several(&Status::names()))).examples(["todo,in_progress"]);
    /// Priorities, separated by commas.
    PriorityNames => text().pattern(Some(several(&Priority::names()))).examples(["high,urgent"]);
    /// Tags of 1 to 50 characters, separated by commas.
    TagNames => text().pattern(Some(several_tags())).examples(["work,home"]);
    /// A tag of 1 to 50 characters. It is stored in lower case.
    TagName => line(MAX_TAG_LENGTH).examples(["work"]);
    /// Title, one line of 1 to 255 characters. Surrounding spaces are removed.
    Title => line(MAX_TITLE_LENGTH).examples(["Paint the fence"]);
    /// Description of up to 5,000 characters.
    Description => text().max_length(Some(MAX_DESCRIPTION_LENGTH)).pattern(Some(TEXT)).examples(["Two coats, green"]);
    /// Words to search for.
    Search => text().examples(["fence"]);
    /// An e-mail address, such as `name@example.com`. It is stored in lower case.
    Email => formatted(KnownFormat::Email).max_length(Some(MAX_EMAIL_LENGTH)).examples(["ada@example.com"]);
    /// Username for signing in: 3 to 50 letters from a to z, digits, and `_ . -`.
    Username => text().pattern(Some(r"^[A-Za-z0-9_.\-]{3,50}$")).examples(["ada"]);
    /// Display name of up to 255 characters. An empty string means none.
    FullName => text().max_length(Some(MAX_FULL_NAME_LENGTH)).pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"))
        .examples(["Ada Lovelace"]);
    /// A new password: 8 to 128 characters, at least one letter and one digit.
    NewPassword => formatted(KnownFormat::Password)
        .min_length(Some(MIN_PASSWORD_LENGTH)).max_length(Some(MAX_PASSWORD_LENGTH))
        .pattern(Some("([A-Za-z].*[0-9]|[0-9].*[A-Za-z])")).examples(["SecurePass123"]);
    /// Sort column. A leading `-` reverses the default order.
    SortBy => text().enum_values(Some(sort_names()));
    /// Sort direction.
    SortOrder => text().enum_values(Some(Direction::names()));
    /// `any` or `all` of the tags.
    TagMode => text().enum_values(Some(crate::rest::task::TagMode::names()));
    /// Entity tags of a task, separated by commas, or `*`.
    EntityTags => AnyOfBuilder::new()
        .item(text().enum_values(Some(["*"])))
        .item(text().pattern(Some(r#"^(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*$"#)));
    /// A boolean, ignoring case.
    Flag => text().enum_values(Some(["true", "false", "1", "0", "yes", "no", "on", "off", "t", "f", "y", "n"]));
    /// Date and time in UTC.
    Instant => formatted(KnownFormat::DateTime).examples(["2026-01-31T09:30:00Z"]);
    /// Date and time such as `2026-01-31T09:30:00Z`, years 1 to 9999. A date alone means midnight UTC.
    Moment => OneOfBuilder::new().item(formatted(KnownFormat::DateTime)).item(formatted(KnownFormat::Date))
        .examples(["2026-01-31T09:30:00Z"]);
    /// A day such as `2026-01-31`, years 1 to 9999.
    Day => formatted(KnownFormat::Date).examples(["2026-01-31"]);
}

/// Defines the schema of a type without `derive(ToSchema)`.
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

pub(in crate::rest) fn of_json(schema: Value) -> Schema {
    serde_json::from_value(schema).unwrap_or_default()
}

/// The schema of every id type: `described_by_hand!(TaskId, "Id" => schema::id());`.
pub(in crate::rest) fn id() -> RefOr<Schema> {
    Id::schema()
}

described_by_hand!(value::Moment, "Instant" => Instant::schema());

pub(in crate::rest) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

pub(in crate::rest) fn formatted(format: KnownFormat) -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(format)))
}

fn line(longest: usize) -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(longest)).pattern(Some(LINE))
}

fn sort_names() -> Vec<String> {
    let names = TaskSortField::names();
    let reversed = names.iter().map(|name| format!("-{name}")).collect::<Vec<_>>();
    names.into_iter().map(str::to_owned).chain(reversed).collect()
}

/// A pattern for names separated by commas.
fn several(names: &[&str]) -> String {
    let one = names.join("|");
    format!("^({one})(,({one}))*$")
}

/// A pattern for tags separated by commas. A tag may have spaces inside.
fn several_tags() -> String {
    const EXCLUDED: &str = r",\u0000-\u001f\u007f-\u009f";

    let (inner, end) = (format!("[^{EXCLUDED}]"), format!(r"[^\s{EXCLUDED}]"));
    let one = format!("{end}({inner}{{0,{}}}{end})?", MAX_TAG_LENGTH - 2);
    format!("^{one}(,{one})*$")
}

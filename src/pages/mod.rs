//! Pages for people: the GraphQL editors and the API documentation, served from the binary.

pub(super) mod api_docs;
pub(super) mod editor;
pub(super) mod page;

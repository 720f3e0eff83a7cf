//! Parts of queries that several resource types share.

pub(super) mod keyset;
pub(super) mod per_parent;

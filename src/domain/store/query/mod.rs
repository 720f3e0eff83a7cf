//! Parts of queries that several nouns share.

pub(super) mod keyset;
pub(super) mod per_parent;

//! The form in which searches compare text.

/// Lower case. The two small forms of the Greek sigma are one letter, because a word in a search may end where the word
/// that it finds goes on.
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ")
}

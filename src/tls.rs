//! The provider of cryptography for TLS.

/// Chooses the provider for those parts of the process that bring none. Where another part chose one, that stays.
pub(crate) fn prepare() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

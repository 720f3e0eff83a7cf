//! The provider of cryptography for TLS.

/// Installs a default provider, unless another one is installed.
pub(crate) fn prepare() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

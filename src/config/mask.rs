//! Masks secrets in settings.

/// Replaces a secret.
pub(super) const MASK: &str = "***";

/// Masks the password before the last `@`, and query parameters whose names look secret.
///
/// It works on the text, not on a parsed URL: with an unescaped `/` or `?` in the password, a URL does not parse or
/// parses wrongly, and an error message must not show it. In doubt it masks too much.
pub(super) fn url(text: &str) -> String {
    let (scheme, rest) = text
        .find("://")
        .map_or(("", text), |at| text.split_at(at + "://".len()));
    if has_at_in_parameter(rest) {
        return format!("{scheme}{MASK}");
    }
    let (user, host) = match rest.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => (format!("{user}:{MASK}@"), host),
            None => (format!("{credentials}@"), host),
        },
        None => (String::new(), rest),
    };
    match host.split_once('?') {
        Some((host, query)) => format!("{scheme}{user}{host}?{}", parameters(query)),
        None => format!("{scheme}{user}{host}"),
    }
}

/// Whether the last `@` may be part of a query parameter: then it does not end the password.
fn has_at_in_parameter(rest: &str) -> bool {
    let query = rest.rsplit_once('@').and_then(|(before, _)| before.split_once('?'));
    query.is_some_and(|(_, query)| query.contains('='))
}

fn parameters(query: &str) -> String {
    let shown = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    };
    query.split('&').map(shown).collect::<Vec<_>>().join("&")
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "pwd", "secret", "token", "key"]
        .iter()
        .any(|word| name.contains(word))
}

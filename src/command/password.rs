//! Random passwords.

use secrecy::SecretString;

use crate::domain::random::Randomness;

/// Characters that are not easily confused.
const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// In characters: more than 100 bits.
const LENGTH: usize = 20;

/// The password satisfies every [`PasswordPolicy`](crate::config::PasswordPolicy).
pub(super) fn random(randomness: &dyn Randomness) -> SecretString {
    loop {
        let password = draw(randomness);
        let has = |holds: fn(&u8) -> bool| password.as_bytes().iter().any(holds);
        if has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit) {
            return password.into();
        }
    }
}

fn draw(randomness: &dyn Randomness) -> String {
    let mut password = String::with_capacity(LENGTH);
    while password.len() < LENGTH {
        let mut byte = [0];
        randomness.fill(&mut byte);
        let at = usize::from(byte[0]);
        // Bytes beyond the last multiple of the alphabet's length would favor its first characters.
        if at < 256 / ALPHABET.len() * ALPHABET.len() {
            password.push(char::from(ALPHABET[at % ALPHABET.len()]));
        }
    }
    password
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::domain::random::SystemRandomness;

    #[test]
    fn a_random_password_is_long_and_has_every_kind_of_character() {
        for _ in 0..200 {
            let password = random(&SystemRandomness);
            let password = password.expose_secret();
            assert_eq!(password.len(), LENGTH);
            assert!(
                password.chars().any(char::is_uppercase) && password.chars().any(char::is_lowercase),
                "{password}"
            );
            assert!(password.chars().any(char::is_numeric), "{password}");
        }
    }

    #[test]
    fn two_passwords_differ() {
        assert_ne!(
            random(&SystemRandomness).expose_secret(),
            random(&SystemRandomness).expose_secret()
        );
    }
}

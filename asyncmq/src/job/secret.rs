//! What is not to be shown, by its name.

/// Whatever has one of these words in its name is a secret.
const WORDS: [&str; 9] = [
    "authorization",
    "apikey",
    "api_key",
    "credential",
    "passphrase",
    "password",
    "private_key",
    "secret",
    "token",
];

/// Tells whether a value of this name is a secret.
pub(crate) fn names_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    WORDS.iter().any(|word| name.contains(word))
}

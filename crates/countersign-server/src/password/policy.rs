//! What a new password must be (NIST SP 800-63B-4, section 3.1.1.2): long enough and not to be
//! guessed. What kinds of character it has is nobody's business.

use super::{InvalidPassword, Password, blocklist};
use crate::identifier::text;

const SERVICE: &str = "countersign";

/// The longest piece whose repetition is refused.
const MAX_REPEATED: usize = 3;

/// The rules for a new password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The fewest code points, counted in NFC.
    pub min_length: usize,
    /// Whether common passwords, repetitions, sequences, the name of the service and the user's own
    /// identifiers are refused.
    pub blocklist: bool,
    /// Words of this installation that are refused as the name of the service is.
    pub context_words: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { min_length: 8, blocklist: true, context_words: Vec::new() }
    }
}

/// A part of a host that is shorter, such as `com` or `app`, is no word that people know a service
/// by.
const SHORTEST_LABEL: usize = 4;

/// The words by which people know the service at this host: the host, its parent domains, and the
/// labels of each.
pub fn words_of_host(host: &str) -> Vec<String> {
    let labels = host.split('.').filter(|label| label.chars().count() >= SHORTEST_LABEL);
    let parents = host.match_indices('.').map(|(at, _)| &host[at + 1..]);
    let parents = parents.filter(|parent| parent.contains('.'));
    std::iter::once(host).chain(parents).chain(labels).map(str::to_owned).collect()
}

impl Policy {
    /// Refuses a password that breaks a rule. `own` holds the identifiers and the name of its user.
    pub fn check(&self, password: &Password, own: &[&str]) -> Result<(), InvalidPassword> {
        if password.expose().chars().count() < self.min_length {
            return Err(InvalidPassword::TooShort { minimum: self.min_length });
        }
        if self.blocklist {
            refuse_guessable(&text::fold(password.expose()), own, &self.context_words)
        } else {
            Ok(())
        }
    }
}

fn refuse_guessable(
    folded: &str,
    own: &[&str],
    context_words: &[String],
) -> Result<(), InvalidPassword> {
    let is_of_context = |word: &String| is_derived(folded, &text::fold(word));
    let characters: Vec<char> = folded.chars().collect();
    if blocklist::is_common(folded) {
        Err(InvalidPassword::Common)
    } else if is_repetition(&characters) {
        Err(InvalidPassword::Repetition)
    } else if is_sequence(&characters) {
        Err(InvalidPassword::Sequence)
    } else if is_derived(folded, SERVICE) || context_words.iter().any(is_of_context) {
        Err(InvalidPassword::ServiceName)
    } else if own.iter().any(|own| is_own(folded, &text::fold(own))) {
        Err(InvalidPassword::OwnIdentifier)
    } else {
        Ok(())
    }
}

fn is_repetition(characters: &[char]) -> bool {
    (1..=MAX_REPEATED).any(|period| {
        characters.len() > period
            && characters.iter().zip(&characters[period..]).all(|(one, next)| one == next)
    })
}

/// Whether each character follows the one before it, upwards or downwards; after `9` comes `0`.
fn is_sequence(characters: &[char]) -> bool {
    let follows = |one: char, next: char| {
        u32::from(one).checked_add(1) == Some(u32::from(next)) || (one, next) == ('9', '0')
    };
    let pairs = || characters.windows(2).map(|pair| (pair[0], pair[1]));
    characters.len() > 1
        && (pairs().all(|(one, next)| follows(one, next))
            || pairs().all(|(one, next)| follows(next, one)))
}

/// Whether a password is an identifier, the part of an address before the `@`, or the digits of a
/// phone number.
fn is_own(folded: &str, own: &str) -> bool {
    let local = own.split_once('@').map(|(local, _)| local);
    let number = own.strip_prefix('+');
    is_derived(folded, own) || local.or(number).is_some_and(|part| is_derived(folded, part))
}

/// Whether a password is `word`, with nothing but digits and signs around it.
fn is_derived(folded: &str, word: &str) -> bool {
    let core = |text| str::trim_matches(text, |c: char| !c.is_alphabetic());
    let same_core = !core(word).is_empty() && core(folded) == core(word);
    !word.is_empty() && (folded == word || same_core)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, own: &[&str]) -> Result<(), InvalidPassword> {
        let password = Password::parse(text.to_owned()).expect("a password");
        Policy::default().check(&password, own)
    }

    #[test]
    fn p1_the_minimum_counts_code_points_and_is_named() {
        let error = check("\u{1F511}bcdefg", &[]).expect_err("seven code points");
        assert_eq!(error, InvalidPassword::TooShort { minimum: 8 });
        assert!(error.to_string().contains("8 characters"));
        assert_eq!(check("\u{1F511}bxdzfgq", &[]), Ok(()));

        let alone = Policy { min_length: 15, ..Policy::default() };
        let password = Password::parse("fourteen-chars".into()).expect("a password");
        assert_eq!(alone.check(&password, &[]), Err(InvalidPassword::TooShort { minimum: 15 }));
    }

    #[test]
    fn p10_what_is_easily_guessed_is_refused_with_its_reason() {
        let own = ["Mike.Smith@Example.org", "mikesmith", "+8613812345678", "Émile Zola"];
        for (text, reason) in [
            ("aaaaaaaaaaaaaaa", "repetition"),
            ("abababababab", "repetition"),
            ("xyzxyzxyzx", "repetition"),
            ("123456789012345", "sequence"),
            ("9876543210987", "sequence"),
            ("abcdefghijkl", "sequence"),
            ("Countersign", "service_name"),
            ("countersign-2026!", "service_name"),
            ("PassWord1", "common"),
            ("iloveyou2", "common"),
            ("mike.smith@example.org", "own_identifier"),
            ("MIKE.SMITH", "own_identifier"),
            ("mikesmith1984", "own_identifier"),
            ("+8613812345678", "own_identifier"),
            ("8613812345678", "own_identifier"),
            ("e\u{301}mile zola", "own_identifier"),
        ] {
            let refused = check(text, &own).map_err(InvalidPassword::reason);
            assert_eq!(refused, Err(reason), "{text}");
        }
    }

    #[test]
    fn words_of_the_installation_are_refused_as_its_name_is() {
        let mut context_words = words_of_host("login.acmecorp.example");
        context_words.push("Straße 7".to_owned());
        let policy = Policy { context_words, ..Policy::default() };
        for text in [
            "acmecorp",
            "Acmecorp2026!",
            "login.acmecorp.example",
            "acmecorp.example",
            "LOGIN-1234",
            "Straße 7",
            "straße-2026",
        ] {
            let password = Password::parse(text.into()).expect("a password");
            assert_eq!(policy.check(&password, &[]), Err(InvalidPassword::ServiceName), "{text}");
        }
        for text in ["acmecorp is my horse", "com-1234567"] {
            let password = Password::parse(text.into()).expect("a password");
            assert_eq!(policy.check(&password, &[]), Ok(()), "{text}");
        }
        let address = Policy { context_words: words_of_host("192.0.2.17"), ..Policy::default() };
        let password = Password::parse("1927391048".into()).expect("a password");
        assert_eq!(address.check(&password, &[]), Ok(()), "an address has no labels");
    }

    #[test]
    fn p10_without_the_blocklist_only_the_length_counts() {
        let policy = Policy { blocklist: false, ..Policy::default() };
        for text in ["aaaaaaaa", "password", "countersign"] {
            let password = Password::parse(text.into()).expect("a password");
            assert_eq!(policy.check(&password, &[text]), Ok(()), "{text}");
        }
    }

    #[test]
    fn p11_there_are_no_rules_of_composition() {
        for text in ["8675309314159265", "thequietlampofsundays", "ПЛОЩАДЬКАНАЛДОМ", "        x"]
        {
            assert_eq!(check(text, &["mike@example.org", ""]), Ok(()), "{text}");
        }
    }

    #[test]
    fn p2_long_passwords_pass() {
        for length in [64, 128, 1024] {
            let text: String = "Tr0ub4dor&3 ".chars().cycle().take(length).collect();
            assert_eq!(check(&text, &["t@example.org", "3"]), Ok(()), "{length}");
        }
    }
}

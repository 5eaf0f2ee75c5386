//! E-mail addresses: the plain form of RFC 5321 and RFC 6531, `dot-atom@domain`, and no other.
//!
//! What mail servers may accept and we refuse: quoted local parts, comments, folding white space,
//! address literals, a dot at the end of the domain, a top-level domain of digits, and
//! percent-encoded octets. A domain without a dot is accepted: intranets have them.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::InvalidIdentifier::{self, EmailDomain, EmailLength, EmailShape};
use super::text;

/// RFC 5321, section 4.5.3.1.3, less the angle brackets.
const MAX_OCTETS: usize = 254;

/// RFC 5321, section 4.5.3.1.1.
const MAX_LOCAL_OCTETS: usize = 64;

/// The key of an address: its local part folded, its domain in lower-case ASCII (UTS #46).
pub(super) fn key(value: &str) -> Result<String, InvalidIdentifier> {
    if value.len() > MAX_OCTETS {
        return Err(EmailLength);
    }
    let (local, domain) = value.rsplit_once('@').ok_or(EmailShape)?;
    let key = format!("{}@{}", local_key(local)?, domain_key(domain)?);
    if key.len() > MAX_OCTETS { Err(EmailLength) } else { Ok(key) }
}

fn local_key(local: &str) -> Result<String, InvalidIdentifier> {
    if !local.split('.').all(is_atom) || has_encoded_octet(local) {
        return Err(EmailShape);
    }
    let key = text::fold(local);
    if local.len().max(key.len()) > MAX_LOCAL_OCTETS { Err(EmailLength) } else { Ok(key) }
}

/// `atom` of RFC 5322, section 3.2.3, with letters beyond ASCII (RFC 6531, section 3.3).
fn is_atom(atom: &str) -> bool {
    let is_text = |c: char| {
        c.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(c)
            || (!c.is_ascii() && text::is_identifier_letter(c))
    };
    !atom.is_empty() && !atom.starts_with(text::is_mark) && atom.chars().all(is_text)
}

/// `%0a` and the like, which some later reader would decode.
fn has_encoded_octet(local: &str) -> bool {
    local
        .split('%')
        .skip(1)
        .any(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|octet| octet.is_ascii_hexdigit()))
}

fn domain_key(domain: &str) -> Result<String, InvalidIdentifier> {
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| EmailDomain)?;
    let is_address =
        ascii.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if is_address { Err(EmailDomain) } else { Ok(ascii.into_owned()) }
}

//! Makes mutants of good tokens: of their characters, of their segments, of what their header and
//! their claims say, and of what is signed for somebody else.

use countersign::{Algorithm, Issuer, SigningKey};
use serde_json::{Value, json};

use super::dice::Dice;
use crate::kit::{KEYS, NOW, claims, decode, encode, header, key, sign_raw};

/// How many kinds there are.
pub(super) const KINDS: usize = 8;

/// Mutants of one token of each algorithm.
pub(super) struct Mutants {
    tokens: Vec<Token>,
    /// Secrets that nobody knows, under names that are known.
    strangers: Vec<SigningKey>,
}

struct Token {
    text: String,
    segments: [String; 3],
    header: Value,
}

impl Token {
    fn of(key: &SigningKey) -> Self {
        let text = Issuer::new(key.clone()).sign("at+jwt", &claims()).unwrap();
        let segments: Vec<_> = text.split('.').map(str::to_owned).collect();
        Self { segments: segments.try_into().unwrap(), header: header(key.algorithm()), text }
    }

    /// The token with another text in the place of a segment.
    fn with(&self, at: usize, segment: &str) -> String {
        let mut segments: [&str; 3] = [0, 1, 2].map(|at| &*self.segments[at]);
        segments[at] = segment;
        segments.join(".")
    }
}

impl Mutants {
    pub(super) fn new() -> Self {
        let strangers = KEYS.iter().map(|known| {
            let kid = known.key_id();
            SigningKey::from_secret(Algorithm::Hs256, kid, &[99; 64]).unwrap()
        });
        Self { tokens: KEYS.iter().map(Token::of).collect(), strangers: strangers.collect() }
    }

    /// The mutant of this seed, and its kind.
    pub(super) fn make(&self, seed: u64) -> (usize, String) {
        let mut dice = Dice::new(seed);
        let kind = dice.below(KINDS);
        loop {
            let (token, other) = (dice.one(&self.tokens), dice.one(&self.tokens));
            let mutant = match kind {
                0 => change_characters(&mut dice, &token.text),
                1 => move_segments(&mut dice, token),
                2 => splice(&mut dice, &token.text, &other.text),
                3 => change_bytes(&mut dice, token),
                4 => change_header(&mut dice, token),
                5 => change_claims(&mut dice, token),
                6 => sign_bad_claims(&mut dice),
                _ => sign_as_a_stranger(&mut dice, &self.strangers),
            };
            if self.tokens.iter().all(|good| mutant != good.text) {
                return (kind, mutant);
            }
        }
    }
}

fn change_characters(dice: &mut Dice, token: &str) -> String {
    const ODD: [char; 12] = ['=', '+', '/', '.', ' ', '\t', '\n', '\0', '%', '"', 'é', '\u{feff}'];
    let mut characters: Vec<char> = token.chars().collect();
    for _ in 0..=dice.below(4) {
        let at = dice.below(characters.len());
        let other = dice.one(&characters).to_owned();
        match dice.below(6) {
            0 => drop(characters.remove(at)),
            1 => characters.insert(at, *dice.one(&ODD)),
            2 => characters[at] = *dice.one(&ODD),
            3 => characters.insert(at, other),
            4 => characters[at] = other,
            _ => characters[at] = char::from(u8::try_from(characters[at]).unwrap_or(0) ^ 1),
        }
    }
    characters.into_iter().collect()
}

fn move_segments(dice: &mut Dice, token: &Token) -> String {
    const OTHERS: [&str; 5] = ["", "e30", "AAAA", "bnVsbA", "W10"];
    let segments = (0..dice.below(7)).map(|_| match dice.below(4) {
        0 => *dice.one(&OTHERS),
        _ => dice.one(&token.segments),
    });
    let separators = [".", ".", ".", "..", "", " . "];
    let segments: Vec<_> = segments.collect();
    segments.join(*dice.one(&separators))
}

/// The beginning of one and the end of another.
fn splice(dice: &mut Dice, one: &str, other: &str) -> String {
    let (end, start) = (dice.below(one.len()), dice.below(other.len()));
    format!("{}{}", &one[..end], &other[start..])
}

/// Other bytes in a segment, written as they should be.
fn change_bytes(dice: &mut Dice, token: &Token) -> String {
    let segment = dice.below(3);
    let mut bytes = decode(&token.segments[segment]);
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = dice.byte(),
            2 => bytes.insert(at, dice.byte()),
            3 => bytes.truncate(at + 1),
            _ => bytes.push(dice.byte()),
        }
    }
    token.with(segment, &encode(bytes))
}

fn change_header(dice: &mut Dice, token: &Token) -> String {
    const NAMES: [&str; 14] = [
        "alg", "alg", "alg", "typ", "kid", "crit", "zip", "b64", "jwk", "jku", "x5u", "x5c", "enc",
        "x",
    ];
    let name = *dice.one(&NAMES);
    let mut header = token.header.clone();
    header[name] = match dice.below(3) {
        0 => dice.one(&KEYS).algorithm().as_str().into(),
        1 => dice.one(&["none", "None", "", "HS256 ", "JWT", "b64", "DEF"]).to_owned().into(),
        _ => odd(dice),
    };
    token.with(0, &encode(header.to_string()))
}

fn change_claims(dice: &mut Dice, token: &Token) -> String {
    const NAMES: [&str; 9] = ["sub", "exp", "iat", "aud", "iss", "roles", "sid", "gen", "x"];
    let mut claims = claims();
    claims[*dice.one(&NAMES)] = match dice.below(3) {
        0 => json!(dice.below(4_000_000_000)),
        1 => json!(format!("u{}", dice.below(1_000))),
        _ => odd(dice),
    };
    token.with(1, &encode(claims.to_string()))
}

/// A good signature over what no token may say.
fn sign_bad_claims(dice: &mut Dice) -> String {
    const REQUIRED: [&str; 8] = ["iss", "aud", "exp", "iat", "jti", "sid", "gen", "sub"];
    let (mut claims, name) = (claims(), *dice.one(&REQUIRED));
    let ahead = 31 + i64::try_from(dice.below(1_000_000)).unwrap();
    match dice.below(12) {
        0 => drop(claims.as_object_mut().unwrap().remove(name)),
        1 => claims["exp"] = json!(NOW - ahead),
        2 => claims["iat"] = json!(NOW + ahead),
        3 => claims["nbf"] = json!(NOW + ahead),
        4 => claims["iss"] = json!(format!("https://{ahead}.example.org")),
        5 => claims["aud"] = json!([format!("https://{ahead}.example.org")]),
        6 | 7 => claims[name] = odd(dice),
        _ => return sign_bad_text(dice, name, &claims.to_string()),
    }
    sign_for_us(&claims.to_string())
}

/// A good signature over good claims that can be read in two ways, or in none.
fn sign_bad_text(dice: &mut Dice, name: &str, claims: &str) -> String {
    sign_for_us(&match dice.below(4) {
        0 => format!("[{claims}]"),
        1 => format!("{claims}{claims}"),
        2 => format!("{{\"{name}\":1,{}", &claims[1..]),
        _ => claims[..dice.below(claims.len())].to_owned(),
    })
}

fn sign_for_us(claims: &str) -> String {
    sign_raw(key(Algorithm::Hs256), header(Algorithm::Hs256).to_string(), claims)
}

/// Good claims, signed with a secret that is not the one of the name it goes by.
fn sign_as_a_stranger(dice: &mut Dice, strangers: &[SigningKey]) -> String {
    let stranger = dice.one(strangers);
    let kid = stranger.key_id();
    let alg = *dice.one(&["HS256", "HS256", "HS384", "none", kid.unwrap()]);
    let mut header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
    if dice.below(4) == 0 {
        header.as_object_mut().unwrap().remove("kid");
    }
    let mut claims = claims();
    claims["sub"] = json!(format!("u{}", dice.below(1_000)));
    sign_raw(stranger, header.to_string(), claims.to_string())
}

/// A value that no claim and no member of a header has.
fn odd(dice: &mut Dice) -> Value {
    match dice.below(8) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(1.5),
        4 => json!({ "a": 1 }),
        5 => json!([1, [2]]),
        6 => json!(""),
        _ => json!("\0"),
    }
}

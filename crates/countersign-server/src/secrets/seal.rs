//! Sealing of private keys at rest: AES-256-GCM under a key derived from the master secret.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{MasterSecret, SecretError};
use crate::entropy::Entropy;

/// The first byte of what is sealed: how the rest is made.
const VERSION: u8 = 1;

impl MasterSecret {
    /// Encrypts `plaintext` so that it opens only with the same `aad`, which says what it is and
    /// where it belongs. Base64url of version, nonce, ciphertext and tag.
    ///
    /// The nonce is random, so one master secret seals at most 2³² times (NIST SP 800-38D,
    /// section 8.3).
    ///
    /// # Panics
    /// When `plaintext` is longer than 64 GiB.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8], entropy: &Entropy) -> String {
        let nonce = entropy.bytes::<NONCE_LEN>();
        let mut ciphertext = plaintext.to_vec();
        self.sealing_key()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut ciphertext,
            )
            .expect("AES-GCM seals up to 64 GiB");
        URL_SAFE_NO_PAD.encode([&[VERSION][..], &nonce, &ciphertext].concat())
    }

    /// Decrypts what [`MasterSecret::seal`] made with the same `aad`.
    pub fn open(&self, aad: &[u8], sealed: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SecretError::Sealed)?;
        let (nonce, ciphertext) = bytes
            .strip_prefix(&[VERSION])
            .and_then(<[u8]>::split_first_chunk::<NONCE_LEN>)
            .ok_or(SecretError::Sealed)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let length = self
            .sealing_key()
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
            .map_err(|_| SecretError::Sealed)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    fn sealing_key(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, self.derive("seal").as_slice());
        LessSafeKey::new(key.expect("32 bytes are a key of AES-256"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(seed: u64) -> MasterSecret {
        MasterSecret::from_bytes(&Entropy::seeded(seed).bytes::<32>()).expect("random bytes")
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_secret_and_place_only() {
        let sealed = secret(1).seal(b"key:a", b"private", &Entropy::System);
        assert_eq!(secret(1).open(b"key:a", &sealed).expect("ours").as_slice(), b"private");
        assert!(secret(1).open(b"key:b", &sealed).is_err());
        assert!(secret(2).open(b"key:a", &sealed).is_err());
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let [one, other] = [(); 2].map(|()| secret(1).seal(b"", b"private", &Entropy::System));
        assert_ne!(one, other);
    }

    #[test]
    fn a_damaged_or_shortened_seal_does_not_open() {
        let sealed = secret(1).seal(b"", b"private", &Entropy::System);
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).expect("base64url");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(secret(1).open(b"", &URL_SAFE_NO_PAD.encode(damaged)).is_err(), "byte {at}");
            assert!(secret(1).open(b"", &URL_SAFE_NO_PAD.encode(&bytes[..at])).is_err());
        }
        assert!(secret(1).open(b"", "not base64url!").is_err());
    }
}

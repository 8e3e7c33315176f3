//! Encryption of what is kept of keys and tokens: XChaCha20-Poly1305, by a key made of `HOOP_ADDON_SECRET`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use thiserror::Error;

/// The shortest secret that keys are made of, in bytes.
pub const SHORTEST_SECRET: usize = 32;

const NONCE: usize = 24;

/// Encrypts with the first key, and decrypts with each.
pub struct Sealer {
    current: Key,
    previous: Option<Key>,
}

struct Key {
    /// Says which key sealed a text. It is made of the secret as the key is, and tells nothing of it.
    id: String,
    cipher: XChaCha20Poly1305,
}

/// Why a sealed text does not open.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SealError {
    #[error(
        "a value in the database is sealed with the key {id}, which is neither that of HOOP_ADDON_SECRET nor of \
         HOOP_ADDON_SECRET_PREVIOUS. Set the secret it was sealed with as HOOP_ADDON_SECRET_PREVIOUS."
    )]
    UnknownKey { id: String },
    #[error("a sealed value in the database was changed or cut short")]
    Broken,
}

impl Sealer {
    pub fn new(secret: &SecretString, previous: Option<&SecretString>) -> Self {
        Self {
            current: Key::of(secret),
            previous: previous.map(Key::of),
        }
    }

    /// Seals `text` for one place in the database, such as `<uuid>/key`, and opens only there.
    pub fn seal(&self, place: &str, text: &SecretString) -> String {
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload {
            msg: text.expose_secret().as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = self
            .current
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("it fits into memory");
        format!(
            "1.{}.{}",
            self.current.id,
            BASE64.encode([nonce.as_slice(), &sealed].concat())
        )
    }

    pub fn open(&self, place: &str, sealed: &str) -> Result<SecretString, SealError> {
        let (id, bytes) = sealed
            .strip_prefix("1.")
            .and_then(|rest| rest.split_once('.'))
            .ok_or(SealError::Broken)?;
        let key = [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.id == id);
        let key = key.ok_or_else(|| SealError::UnknownKey { id: id.to_owned() })?;
        let bytes = BASE64.decode(bytes).map_err(|_| SealError::Broken)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(SealError::Broken)?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        let text = key
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| SealError::Broken)?;
        String::from_utf8(text)
            .map(SecretString::from)
            .map_err(|_| SealError::Broken)
    }

    /// Whether it was sealed with the key of `HOOP_ADDON_SECRET`.
    pub fn is_current(&self, sealed: &str) -> bool {
        sealed
            .strip_prefix("1.")
            .is_some_and(|rest| rest.split('.').next() == Some(&self.current.id))
    }
}

impl Key {
    fn of(secret: &SecretString) -> Self {
        let source = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes());
        let (mut key, mut id) = ([0; 32], [0; 6]);
        source
            .expand(b"hoop-addon: key", &mut key)
            .expect("a key of 32 bytes can be made");
        source
            .expand(b"hoop-addon: key id", &mut id)
            .expect("an id of 6 bytes can be made");
        Self {
            id: BASE64.encode(id),
            cipher: XChaCha20Poly1305::new(&key.into()),
        }
    }
}

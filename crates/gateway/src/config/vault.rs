//! Secrets that are kept encrypted in a file of their own: each with AES-256-GCM, under its name, so that none can take another's place.
//!
//! The names are not encrypted. A secret that was removed, or an older file, cannot be told from what is wanted.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use connectors::http::base64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The variable that holds the key unless the configuration says otherwise.
pub const KEY_VARIABLE: &str = "FANLIGHT_SECRETS_KEY";
/// Where secrets are unless the configuration says otherwise: beside it.
pub(super) const FILE_NAME: &str = "secrets.enc";
/// The longest secret.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

const VERSION: u32 = 1;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// The key of a file of secrets. It prints as `***`.
#[derive(Clone)]
pub struct Key([u8; KEY_BYTES]);

/// What keeps a secret from being read or kept. No variant quotes one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither the configuration nor the environment has one.
    #[error("there is no key for the encrypted secrets")]
    NoKey,
    /// It is no key.
    #[error("the key of the encrypted secrets is not 32 bytes in base64")]
    BadKey,
    /// It cannot be read.
    #[error("the secrets in `{path}` cannot be read: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        cause: String,
    },
    /// It is something else, or was changed by somebody else.
    #[error("`{path}` is not a file of encrypted secrets, or it is damaged")]
    Damaged {
        /// The file.
        path: String,
    },
    /// The key is one, but not this file's.
    #[error("the secrets in `{path}` were encrypted with another key")]
    WrongKey {
        /// The file.
        path: String,
    },
    /// The secret was changed, or is another one's.
    #[error(
        "the secret `{name}` in `{path}` was not written by this program: it is damaged or was put there"
    )]
    Forged {
        /// Its name.
        name: String,
        /// The file.
        path: String,
    },
    /// There is no such secret.
    #[error("there is no secret `{name}` in `{path}`")]
    Unknown {
        /// Its name.
        name: String,
        /// The file.
        path: String,
    },
}

impl Fault {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoKey | Self::BadKey => Some(format!(
                "make one with `openssl rand -base64 32`, and give it in {KEY_VARIABLE} or as secrets: {{ key: \"${{file:PATH}}\" }}"
            )),
            Self::WrongKey { .. } => Some("give the key that it was last written or rotated with".to_owned()),
            Self::Unknown { name, .. } => Some(format!("put it there: fanlight secrets set {name} < FILE")),
            Self::Damaged { .. } => Some("bring it back from a backup, or begin a new one".to_owned()),
            Self::Forged { name, .. } => {
                Some(format!("put it there anew: fanlight secrets set {name} < FILE"))
            }
            Self::Unreadable { .. } => None,
        }
    }
}

impl Key {
    /// Reads 32 bytes in base64.
    ///
    /// # Errors
    /// [`Fault::BadKey`]
    pub fn read(text: &str) -> Result<Self, Fault> {
        let bytes = base64::decode(text.trim()).ok_or(Fault::BadKey)?;
        bytes.try_into().map(Self).map_err(|_| Fault::BadKey)
    }

    /// Tells one key from another, and nothing else about it.
    fn id(&self) -> String {
        let mac =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), b"fanlight secrets: the key's name");
        mac.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, Fault> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.0).map_err(|_| Fault::BadKey)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A file of secrets, read with its key.
#[derive(Debug)]
pub struct Vault {
    path: PathBuf,
    key: Key,
    sealed: BTreeMap<String, String>,
}

/// The file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    fanlight_secrets: u32,
    key: String,
    secrets: BTreeMap<String, String>,
}

impl Vault {
    /// Reads a file. One that is not there has no secrets.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn read(path: &Path, key: Key, content: io::Result<Vec<u8>>) -> Result<Self, Fault> {
        let shown = path.display().to_string();
        let content = match content {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), key, sealed: BTreeMap::new() });
            }
            Err(error) => return Err(Fault::Unreadable { path: shown, cause: error.to_string() }),
        };
        match serde_json::from_slice(&content) {
            Ok(Kept { fanlight_secrets: VERSION, key: id, .. }) if id != key.id() => {
                Err(Fault::WrongKey { path: shown })
            }
            Ok(Kept { fanlight_secrets: VERSION, secrets, .. }) => {
                Ok(Self { path: path.to_owned(), key, sealed: secrets })
            }
            Ok(_) | Err(_) => Err(Fault::Damaged { path: shown }),
        }
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sealed.keys().map(String::as_str)
    }

    /// A secret.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn get(&self, name: &str) -> Result<String, Fault> {
        let path = || self.path.display().to_string();
        let sealed =
            self.sealed.get(name).ok_or_else(|| Fault::Unknown { name: name.to_owned(), path: path() })?;
        self.open(name, sealed).ok_or_else(|| Fault::Forged { name: name.to_owned(), path: path() })
    }

    fn open(&self, name: &str, sealed: &str) -> Option<String> {
        let sealed = base64::decode(sealed)?;
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let plain = self.key.cipher().ok()?.open_in_place(nonce, bound_to(name), &mut text).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }

    /// Adds a secret, or replaces it.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn set(&mut self, name: &str, secret: &str) -> Result<(), Fault> {
        let mut text = secret.as_bytes().to_vec();
        let nonce = self.key.cipher()?.seal_in_place_append_tag(bound_to(name), &mut text);
        let nonce = nonce.map_err(|_| Fault::BadKey)?;
        self.sealed.insert(name.to_owned(), base64::encode(&[nonce.as_ref().as_slice(), &text].concat()));
        Ok(())
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// [`Fault::Unknown`]
    pub fn remove(&mut self, name: &str) -> Result<(), Fault> {
        let path = self.path.display().to_string();
        self.sealed.remove(name).map(drop).ok_or(Fault::Unknown { name: name.to_owned(), path })
    }

    /// The same secrets, encrypted with another key.
    ///
    /// # Errors
    /// [`Fault::Forged`]: one of them cannot be read.
    pub fn rotated(&self, key: Key) -> Result<Self, Fault> {
        let mut rotated = Self { path: self.path.clone(), key, sealed: BTreeMap::new() };
        for name in self.names() {
            rotated.set(name, &self.get(name)?)?;
        }
        Ok(rotated)
    }

    /// Puts the file in its place, whole or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self) -> io::Result<()> {
        // A link stays one, and what it leads to is replaced.
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        if let Ok(before) = std::fs::metadata(&path) {
            file.as_file().set_permissions(before.permissions())?;
        }
        let kept = Kept { fanlight_secrets: VERSION, key: self.key.id(), secrets: self.sealed.clone() };
        serde_json::to_writer_pretty(&mut file, &kept)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        File::open(folder)?.sync_all()
    }
}

/// A secret can be opened only under the name that it was sealed with.
fn bound_to(name: &str) -> Aad<String> {
    Aad::from(format!("fanlight secret {VERSION} {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const OTHER: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn key(text: &str) -> Key {
        Key::read(text).unwrap()
    }

    fn read(path: &Path, key: &str) -> Result<Vault, Fault> {
        Vault::read(path, Key::read(key).unwrap(), std::fs::read(path))
    }

    fn kept(path: &Path) -> Vault {
        let mut vault = read(path, KEY).unwrap();
        vault.set("crm", "hunter2\nsecond line").unwrap();
        vault.set("mail", "other").unwrap();
        vault.write().unwrap();
        vault
    }

    #[test]
    fn what_is_set_comes_back_and_is_not_readable_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.enc");
        kept(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("crm") && !text.contains("hunter2"), "{text}");
        let mut vault = read(&path, KEY).unwrap();
        assert_eq!(vault.get("crm").unwrap(), "hunter2\nsecond line");
        assert_eq!(vault.names().collect::<Vec<_>>(), ["crm", "mail"]);
        vault.remove("crm").unwrap();
        vault.write().unwrap();
        let vault = read(&path, KEY).unwrap();
        assert!(matches!(vault.get("crm"), Err(Fault::Unknown { .. })));
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing else is left in the folder"
        );
    }

    #[test]
    fn equal_secrets_do_not_look_alike() {
        let folder = tempfile::tempdir().unwrap();
        let mut vault = kept(&folder.path().join("secrets.enc"));
        let before = vault.sealed.get("crm").cloned();
        vault.set("crm", "hunter2\nsecond line").unwrap();
        assert_ne!(vault.sealed.get("crm").cloned(), before);
    }

    #[test]
    fn another_key_is_told_and_a_rotation_needs_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.enc");
        let vault = kept(&path);
        assert!(matches!(read(&path, OTHER), Err(Fault::WrongKey { .. })));
        vault.rotated(key(OTHER)).unwrap().write().unwrap();
        assert!(matches!(read(&path, KEY), Err(Fault::WrongKey { .. })));
        assert_eq!(read(&path, OTHER).unwrap().get("mail").unwrap(), "other");
    }

    #[test]
    fn a_secret_under_another_name_or_with_another_byte_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.enc");
        let mut vault = kept(&path);
        let crm = vault.sealed.get("crm").cloned().unwrap();
        vault.sealed.insert("mail".to_owned(), crm.clone());
        assert!(matches!(vault.get("mail"), Err(Fault::Forged { .. })));
        let bytes = base64::decode(&crm).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            vault.sealed.insert("crm".to_owned(), base64::encode(&changed));
            assert!(matches!(vault.get("crm"), Err(Fault::Forged { .. })), "byte {at}");
        }
        assert!(vault.rotated(key(OTHER)).is_err(), "nothing is lost in a rotation");
    }

    #[test]
    fn what_is_no_file_of_secrets_or_no_key_says_so() {
        let path = Path::new("secrets.enc");
        let contents: [&[u8]; 4] =
            [b"", b"{}", br#"{"fanlight_secrets":2,"key":"","secrets":{}}"#, b"\xff\xfe"];
        for content in contents {
            let read = Vault::read(path, key(KEY), Ok(content.to_vec()));
            assert_eq!(read.unwrap_err(), Fault::Damaged { path: "secrets.enc".to_owned() });
        }
        for text in ["", "AAEC", "%", &format!("{KEY}{KEY}")] {
            assert_eq!(Key::read(text).unwrap_err(), Fault::BadKey, "{text}");
        }
        assert_eq!(format!("{:?}", key(KEY)), "***");
    }
}

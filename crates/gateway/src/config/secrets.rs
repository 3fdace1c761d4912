//! Finds the encrypted secrets of a configuration, and opens them when the first one is asked for.

use super::environment::Environment;
use super::interpolate::expand;
use super::report::Report;
use super::tree::Tree;
use super::vault::{FILE_NAME, Fault, KEY_VARIABLE, Key, Vault};
use std::cell::OnceCell;
use std::io;
use std::path::{Path, PathBuf};

/// Where the secrets of a configuration are, and their key.
#[derive(Debug)]
pub struct Secrets {
    /// The file, which need not be there.
    pub file: PathBuf,
    /// The key.
    pub key: Result<Key, Fault>,
}

/// The secrets of a configuration of which nothing else needs to be valid: it may ask for secrets that are still to be set.
///
/// # Errors
/// The [`Report`] says why the file cannot be read.
pub fn secrets(path: &Path, env: &dyn Environment) -> Result<Secrets, Report> {
    let file = path.display().to_string();
    let unreadable =
        |why: String| Report::of_file(&file, format!("the configuration cannot be read: {why}"), None);
    let content = env.file(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(content).map_err(|error| unreadable(error.to_string()))?;
    let tree = Tree::read(&text).map_err(|wrong| unreadable(wrong.message))?;
    Ok(Secrets::of(&tree, &file, env))
}

impl Secrets {
    /// Those of a tree that was read from `file`.
    pub(super) fn of(tree: &Tree, file: &str, env: &dyn Environment) -> Self {
        let said = |name: &str| {
            let place = tree.entry(tree.entry(Tree::ROOT, "secrets")?.1, name)?.1;
            // What is wrong with a reference there is reported where all references are.
            Some(expand(&tree.scalar(place)?.text, env).map(|expanded| expanded.text).unwrap_or_default())
        };
        let beside = || Path::new(file).parent().unwrap_or(Path::new("")).join(FILE_NAME);
        let key = said("key").or_else(|| env.variable(KEY_VARIABLE));
        Self {
            file: said("file").map_or_else(beside, PathBuf::from),
            key: key.ok_or(Fault::NoKey).and_then(|key| Key::read(&key)),
        }
    }

    /// Opens them.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn open(&self, env: &dyn Environment) -> Result<Vault, Fault> {
        Vault::read(&self.file, self.key.clone()?, env.file(&self.file))
    }
}

/// An environment with secrets.
pub(super) struct Opening<'a> {
    secrets: Secrets,
    env: &'a dyn Environment,
    vault: OnceCell<Result<Vault, Fault>>,
}

impl<'a> Opening<'a> {
    pub(super) const fn new(secrets: Secrets, env: &'a dyn Environment) -> Self {
        Self { secrets, env, vault: OnceCell::new() }
    }
}

impl Environment for Opening<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.env.variable(name)
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.env.file(path)
    }

    fn secret(&self, name: &str) -> Result<String, Fault> {
        let vault = self.vault.get_or_init(|| self.secrets.open(self.env));
        vault.as_ref().map_err(Clone::clone)?.get(name)
    }
}

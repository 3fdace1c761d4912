//! The door to what a configuration reads from outside itself: variables and files.

use super::vault::Fault;
use std::io::{self, Read};
use std::path::Path;

/// Where `${NAME}`, `${file:PATH}` and `${secret:NAME}` come from.
pub trait Environment {
    /// The variable's value, if it is set and is text.
    fn variable(&self, name: &str) -> Option<String>;

    /// The file's content. A relative path starts at the working directory.
    ///
    /// # Errors
    /// Whatever the system says, and `FileTooLarge` beyond [`FILE_BYTES_MAX`].
    fn file(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// What `${secret:NAME}` stands for. Only a configuration that names a file of secrets has any.
    ///
    /// # Errors
    /// [`Fault`]
    fn secret(&self, _name: &str) -> Result<String, Fault> {
        Err(Fault::NoKey)
    }
}

/// The largest file that a configuration is or names.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The environment of this process.
pub struct Process;

impl Environment for Process {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
        if content.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 1 MiB"));
        }
        Ok(content)
    }
}

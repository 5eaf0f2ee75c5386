//! Where the master secret comes from: a variable, a file, or, for a new SQLite database, the
//! random generator.

use std::fmt::{self, Display};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::process::{Uid, geteuid};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{LENGTH, MasterSecret, SecretError, VARIABLE};
use crate::config::Config;
use crate::entropy::Entropy;

const KEY: &str = "master_secret_file";
const PREVIOUS_KEY: &str = "master_secret_previous_file";
/// Where Docker mounts secrets, with mode 0444 unless that is said otherwise.
const MOUNTED_SECRETS: &str = "/run/secrets";
/// The generated file, in `data_dir`.
const GENERATED: &str = "master-secret";

/// Where a master secret was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The variable [`VARIABLE`].
    Environment,
    /// This file.
    File(PathBuf),
    /// This file, which was just made.
    Created(PathBuf),
}

impl MasterSecret {
    /// Finds the master secret: `environment` (the value of [`VARIABLE`]), else
    /// `master_secret_file`, else the file in `data_dir`, which is made only if `may_create`: for
    /// a SQLite database in `data_dir` that holds no key yet. Elsewhere a new secret would be
    /// another than the one that sealed the keys.
    ///
    /// `data_dir` must be there.
    pub fn load_or_create(
        config: &Config,
        environment: Option<&SecretString>,
        may_create: bool,
        entropy: &Entropy,
    ) -> Result<(Self, SecretSource), SecretError> {
        if let Some(text) = environment {
            let secret = Self::from_base64(text.expose_secret()).map_err(|problem| {
                SecretError::Invalid { name: VARIABLE, problem: problem.into() }
            })?;
            return Ok((secret, SecretSource::Environment));
        }
        if let Some(path) = &config.master_secret_file {
            return Ok((read(KEY, path)?, SecretSource::File(path.clone())));
        }
        let path = generated_file(&config.data_dir);
        if !path.exists()
            && may_create
            && create(&config.data_dir, entropy).map_err(|error| unwritable(&error))?
        {
            return Ok((read(KEY, &path)?, SecretSource::Created(path)));
        }
        if path.exists() {
            return Ok((read(KEY, &path)?, SecretSource::File(path)));
        }
        Err(invalid(
            KEY,
            format!(
                "no master secret: this database needs the one its keys were sealed with, the same on \
             every node; name its file here or set {VARIABLE}"
            ),
        ))
    }

    /// The master secret before this one, while it is being rotated.
    pub fn load_previous(config: &Config) -> Result<Option<Self>, SecretError> {
        config
            .master_secret_previous_file
            .as_deref()
            .map(|path| read(PREVIOUS_KEY, path))
            .transpose()
    }
}

/// Where the master secret lies that a first start makes.
pub fn generated_file(data_dir: &Path) -> PathBuf {
    data_dir.join(GENERATED)
}

fn invalid(name: &'static str, problem: String) -> SecretError {
    SecretError::Invalid { name, problem }
}

fn unwritable(error: &io::Error) -> SecretError {
    SecretError::DataDir(format!("cannot write the master secret: {error}"))
}

/// The bits that the mode of a secret's file must not have. Where the file is root's and the reader
/// is not, its group is how the reader may read it: systemd, by an access list, and Kubernetes, by
/// `fsGroup`, hand a secret over so.
fn forbidden(owner: Uid, reader: Uid) -> u32 {
    if owner.is_root() && !reader.is_root() { 0o037 } else { 0o077 }
}

/// A secret that others may read.
struct Exposure {
    mode: u32,
    /// Whether an orchestrator mounted it, so that nobody here can change its mode and those who can
    /// read it are those in this container.
    is_mounted: bool,
}

impl Exposure {
    fn of(path: &Path, metadata: &Metadata) -> Option<Self> {
        let mode = metadata.permissions().mode() & 0o777;
        if mode & forbidden(Uid::from_raw(metadata.uid()), geteuid()) == 0 {
            return None;
        }
        let is_read_only =
            statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY));
        // A link may lead there, as in Kubernetes, and `..` may lead away.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is_secret = target.starts_with(MOUNTED_SECRETS);
        Some(Self { mode, is_mounted: is_read_only || is_secret })
    }
}

impl Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "others may read it (mode {:04o}); ", self.mode)?;
        f.write_str(if self.is_mounted {
            "give it `mode: 0400` and the `uid` of the server in Docker, `defaultMode: 0440` and an \
             `fsGroup` in Kubernetes"
        } else {
            "chmod 0600 it"
        })
    }
}

/// Warnings about secrets that an orchestrator mounted and that others in the container may read.
pub fn exposed_secrets(config: &Config) -> Vec<String> {
    let files = [
        (KEY, config.master_secret_file.as_deref()),
        (PREVIOUS_KEY, config.master_secret_previous_file.as_deref()),
    ];
    let warning = |(key, path): (&str, Option<&Path>)| {
        let path = path?;
        let exposure = Exposure::of(path, &fs::metadata(path).ok()?)?;
        exposure.is_mounted.then(|| format!("{key}: {}: {exposure}", path.display()))
    };
    files.into_iter().filter_map(warning).collect()
}

/// Reads 32 bytes, as they are or as base64, from a file that nobody else may read, unless it is
/// mounted so that this cannot be changed here.
fn read(key: &'static str, path: &Path) -> Result<MasterSecret, SecretError> {
    let refuse = |problem: String| invalid(key, format!("{}: {problem}", path.display()));
    let failed = |error: io::Error| refuse(error.to_string());
    // Before it is opened, since opening a pipe waits for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(refuse("not a regular file".into()));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if let Some(exposure) = Exposure::of(path, &metadata)
        && !exposure.is_mounted
    {
        return Err(refuse(exposure.to_string()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    file.take(1024).read_to_end(&mut bytes).map_err(failed)?;
    let secret = if bytes.len() == LENGTH {
        MasterSecret::from_bytes(&bytes)
    } else {
        MasterSecret::from_base64(str::from_utf8(&bytes).unwrap_or_default())
    };
    secret.map_err(|problem| refuse(problem.into()))
}

/// Makes the file and says so, or leaves the one that another process made meanwhile.
fn create(data_dir: &Path, entropy: &Entropy) -> io::Result<bool> {
    let folder = File::open(data_dir)?;
    folder.lock()?;
    let path = generated_file(data_dir);
    if path.exists() {
        return Ok(false);
    }
    // Written whole under another name first: a crash leaves no half of a secret.
    let unfinished = data_dir.join(format!("{GENERATED}.new"));
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let bytes = Zeroizing::new(entropy.bytes::<LENGTH>());
    let line = Zeroizing::new(STANDARD.encode(bytes.as_slice()) + "\n");
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    folder.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests;

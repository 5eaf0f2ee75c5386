//! What commands ask for: secrets without an echo, and whether one is sure.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use super::Failure;
use super::output::escape;
use crate::error::Error;
use crate::password::Password;

/// Longer than any password or token.
const MAX_LINE: u64 = 64 * 1024;

/// Asks twice for a new password on a terminal; else reads one line of standard input.
pub(super) fn new_password() -> Result<Password, Failure> {
    let password = secret("New password")?;
    if io::stdin().is_terminal() && secret("Once more")? != password {
        return Err(Failure::Failed("the two passwords differ".to_owned()));
    }
    Ok(Password::parse(password).map_err(|invalid| Error::password("password", invalid))?)
}

/// Asks for a token on a terminal; else reads one line of standard input.
pub(super) fn token() -> Result<String, Failure> {
    Ok(secret("Token")?.trim().to_owned())
}

/// Asks for a URL that may hold a password; else reads one line of standard input.
pub(super) fn url() -> Result<String, Failure> {
    Ok(secret("URL")?.trim().to_owned())
}

fn secret(what: &str) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("standard input: {error}"));
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(format!("{what}: ")).map_err(failed);
    }
    let mut line = String::new();
    io::stdin().lock().take(MAX_LINE).read_line(&mut line).map_err(failed)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::Failed("standard input: one line with the secret is wanted".into()));
    }
    Ok(line.to_owned())
}

/// Asks on a terminal whether one is sure. A script is.
pub(super) fn confirm(question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    eprint!("{} [y/N] ", escape(question));
    io::stderr().flush().map_err(Failure::of)?;
    let mut answer = String::new();
    io::stdin().lock().take(MAX_LINE).read_line(&mut answer).map_err(Failure::of)?;
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::Failed("nothing was done".to_owned()))
}

//! A real nginx, in a folder that has its `nginx.conf`.

use std::process::{Command, Stdio};

/// Runs it where it is started, with what it writes.
pub const NGINX: [&str; 7] = ["nginx", "-p", ".", "-c", "nginx.conf", "-e", "error.log"];

/// Whether there is one; says so if not.
pub fn is_installed() -> bool {
    let probed = Command::new(NGINX[0]).arg("-v").stderr(Stdio::null()).status();
    let is_installed = probed.is_ok_and(|status| status.success());
    if !is_installed {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "nginx is not installed");
        eprintln!("skipped: nginx is not installed");
    }
    is_installed
}

//! Where Redis is, if there is one.

use redis::io::tcp::TcpSettings;
use redis::{ConnectionInfo, IntoConnectionInfo};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::form;

const FORMS: &str = "it must be redis://HOST:PORT, rediss://HOST:PORT, or for a cluster \
                     redis+cluster://HOST:PORT,HOST:PORT or rediss+cluster://…, each perhaps with \
                     USER:PASSWORD@ before the hosts";

/// `[redis]`: a helper of the database, which decides nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// May hold a password; `None` is no Redis. See [`RedisConfig::servers`].
    #[serde(serialize_with = "form::redacted", deserialize_with = "form::optional::deserialize")]
    pub url: Option<SecretString>,
}

/// The servers that a URL names.
#[derive(Clone)]
pub struct RedisServers {
    /// Whether they are a cluster, whose other servers they then know.
    pub cluster: bool,
    /// One, or those of a cluster that are asked first.
    pub nodes: Vec<ConnectionInfo>,
}

impl RedisConfig {
    /// The servers, if any are named; else what is wrong with the URL, without showing it.
    pub fn servers(&self) -> Result<Option<RedisServers>, &'static str> {
        self.url.as_ref().map(|url| RedisServers::parse(url.expose_secret())).transpose()
    }
}

impl RedisServers {
    /// Reads a URL; else what is wrong with it, without showing it.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or(FORMS)?;
        let (scheme, cluster) = match scheme {
            "redis" | "rediss" => (scheme, false),
            "redis+cluster" => ("redis", true),
            "rediss+cluster" => ("rediss", true),
            _ => return Err(FORMS),
        };
        let (user, hosts) = rest.rsplit_once('@').map_or(("", rest), |(user, it)| (user, it));
        let separator = if user.is_empty() { "" } else { "@" };
        let node = |host: &str| node(&format!("{scheme}://{user}{separator}{host}"), cluster);
        let nodes = if cluster {
            hosts.split(',').map(node).collect::<Result<_, _>>()?
        } else {
            vec![node(hosts)?]
        };
        Ok(Self { cluster, nodes })
    }
}

fn node(url: &str, cluster: bool) -> Result<ConnectionInfo, &'static str> {
    let url = Url::parse(url).map_err(|_| FORMS)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a URL of Redis has no ? and no #; in a password write %3F and %23");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(FORMS);
    }
    if cluster && !matches!(url.path(), "" | "/") {
        return Err("a cluster has no numbered databases; leave the path out");
    }
    let info = url.into_connection_info().map_err(|_| FORMS)?;
    Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(url: &str) -> Vec<String> {
        let servers = RedisServers::parse(url).unwrap_or_else(|problem| panic!("{url}: {problem}"));
        servers.nodes.iter().map(|node| node.addr().to_string()).collect()
    }

    #[test]
    fn one_server_or_a_cluster_is_named_by_one_url() {
        assert_eq!(addresses("redis://localhost"), ["localhost:6379"]);
        assert_eq!(addresses("redis://u:p%40@[::1]:7/3"), ["::1:7"]);
        assert_eq!(addresses("rediss://:p@h:1/"), ["h:1"]);
        assert_eq!(addresses("redis+cluster://u:p@a:1,b:2"), ["a:1", "b:2"]);
        assert!(RedisServers::parse("redis+cluster://a:1").is_ok_and(|servers| servers.cluster));
        assert!(RedisServers::parse("redis://a:1").is_ok_and(|servers| !servers.cluster));
    }

    #[test]
    fn what_is_no_url_of_redis_is_refused_without_its_password() {
        for url in [
            "localhost:6379",
            "http://h",
            "redis://",
            "redis://:hunter2@",
            "redis://h:port",
            "redis://h/seven",
            "redis://u:hunter2@h?protocol=resp3",
            "rediss://h#insecure",
            "redis+cluster://a:1/2",
            "redis+cluster://a:1,,b:2",
            "unix:///tmp/redis.sock",
        ] {
            let problem = RedisServers::parse(url).err();
            assert!(problem.is_some_and(|it| !it.contains("hunter2")), "{url}: {problem:?}");
        }
    }
}

//! The configuration as a whole: what is read from where, and what is refused by which key.

use std::io::Write;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};
use tempfile::NamedTempFile;

use super::*;

mod dialects;

const EXAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../countersign.example.toml"));
const DIALECTS: [&str; 2] = ["auth-token", "passport"];
const STRONG: &str = "wq7-Vd2Jm_5tXh9Lr0Kc8Zb3Ny6Ps1Gf4Ea-Uo";

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

fn load_with(text: &str, env: &[(&str, &str)], flags: &Overrides) -> Result<Config, ConfigError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(file(text).path()), env, flags, &DIALECTS)
}

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(text, &[], &Overrides::default())
}

fn load_env(name: &str, value: &str) -> Result<Config, ConfigError> {
    load_with("", &[(name, value)], &Overrides::default())
}

#[track_caller]
fn refused(text: &str, key: &str) -> String {
    let error = load(text).expect_err(text);
    assert_eq!(error.key(), Some(key), "{text}: {error}");
    error.to_string()
}

fn toml(text: &str) -> Dict {
    Toml::from_str(text).expect("TOML")
}

/// The example with its settings that begin with `#` switched on.
fn uncommented() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with([' ', '#']) => setting,
        _ => line,
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let shown = serde_json::to_value(toml(EXAMPLE)).expect("JSON");
    let mut defaults = serde_json::to_value(Config::default()).expect("JSON");
    defaults.as_object_mut().expect("a table").remove("dialects");
    assert_eq!(shown, defaults);
    assert!(load(EXAMPLE).is_ok());
}

#[test]
fn the_example_shows_every_key_of_a_dialect() {
    let text = uncommented();
    let example = toml(&text);
    let shown = example["dialects"].as_array().and_then(|all| all[0].as_dict()).expect("a table");
    let defaults = Value::serialize(DialectConfig::default()).expect("values");
    let defaults = defaults.as_dict().expect("a table");
    assert!(shown.keys().eq(defaults.keys()), "{:?}\n{:?}", shown.keys(), defaults.keys());
    for (key, value) in defaults {
        let sample = key == "name" || value.to_empty().is_some() || key == "codes";
        assert!(sample || shown[key] == *value, "{key}");
    }
    let fill_in = "\nsecret = \"base64:…\"";
    assert!(text.contains(fill_in));
    load(&text.replace(fill_in, "")).expect("the example with a dialect is good");
}

#[test]
fn without_anything_the_defaults_hold() {
    let config = Config::load(None, [], &Overrides::default(), &[]).expect("defaults");
    assert_eq!(config.issuer(), "http://localhost:8080");
    assert_eq!(config.audience(), "http://localhost:8080");
    assert_eq!(config.database_url().expose_secret(), "sqlite:countersign-data/countersign.db");
    assert!(config.database_is_in_data_dir());
    assert_eq!(config.audit_file(), Some("countersign-data/audit.jsonl".into()));
    assert!(config.warnings().is_empty());
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file() {
    let text = "[tokens]\naccess_ttl = \"1m\"\nleeway = \"1s\"\naudience = \"file\"";
    let env = [
        ("COUNTERSIGN_TOKENS__ACCESS_TTL", "2m"),
        ("COUNTERSIGN_TOKENS__LEEWAY", "2s"),
        ("COUNTERSIGN_LISTEN", "0.0.0.0:1"),
    ];
    let flags = Overrides::default().set("--access-ttl", "tokens.access_ttl", "3m");
    let config = load_with(text, &env, &flags).expect("good");
    assert_eq!(config.tokens.access_ttl, Duration::from_mins(3));
    assert_eq!(config.tokens.leeway, Duration::from_secs(2));
    assert_eq!(config.audience(), "file");
    assert_eq!(config.listen.to_string(), "0.0.0.0:1");
}

#[test]
fn the_environment_has_the_types_of_the_keys() {
    let env = [
        ("COUNTERSIGN_TOKENS__AUDIENCE", "12345"),
        ("COUNTERSIGN_PASSWORDS__BLOCKLIST", "false"),
        ("COUNTERSIGN_HTTP__MAX_CONNECTIONS", "77"),
        ("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.1/8, ::1"),
        ("COUNTERSIGN_CORS__ORIGINS", "[\"https://a.example\"]"),
        ("COUNTERSIGN_DATABASE__URL", "postgres://u:p@h/d"),
        ("COUNTERSIGN_DIALECTS", "[{ name = \"passport\", prefix = \"/old\" }]"),
    ];
    let config = load_with("", &env, &Overrides::default()).expect("good");
    assert_eq!(config.audience(), "12345");
    assert!(!config.passwords.blocklist);
    assert_eq!(config.http.max_connections, 77);
    let networks: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128"]);
    assert!(config.cors.origins.allow("https://a.example"));
    assert!(!config.database_is_in_data_dir());
    assert_eq!(config.dialects[0].prefix, "/old");
}

#[test]
fn variables_of_orchestrators_are_not_ours() {
    let env = [
        ("COUNTERSIGN_PORT", "tcp://10.0.0.1:80"),
        ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
        ("COUNTERSIGN_MASTER_SECRET", "special"),
        ("PATH", "/bin"),
        ("TOKENS__ACCESS_TTL", "1d"),
    ];
    load_with("", &env, &Overrides::default()).expect("all are ignored");
}

#[test]
fn a_variable_that_is_a_key_but_for_its_underscores_is_refused_with_the_right_name() {
    for (name, right) in [
        ("COUNTERSIGN_DATABASE_URL", "COUNTERSIGN_DATABASE__URL"),
        ("COUNTERSIGN_TOKENS_ACCESS_TTL", "COUNTERSIGN_TOKENS__ACCESS_TTL"),
        ("COUNTERSIGN_TOKENS__ACCESS__TTL", "COUNTERSIGN_TOKENS__ACCESS_TTL"),
        ("COUNTERSIGN_TOKENS__ACCESSTTL", "COUNTERSIGN_TOKENS__ACCESS_TTL"),
        ("COUNTERSIGN_DATADIR", "COUNTERSIGN_DATA_DIR"),
        ("COUNTERSIGN_TRUSTED__PROXIES", "COUNTERSIGN_TRUSTED_PROXIES"),
    ] {
        let error = load_env(name, "x").expect_err(name).to_string();
        assert!(error.contains(right) && error.ends_with(&format!("(set by {name})")), "{error}");
    }
}

#[test]
fn white_space_around_a_variable_is_not_part_of_its_value() {
    let env = [
        ("COUNTERSIGN_DATABASE__URL", "sqlite:/data/a.db\n"),
        ("COUNTERSIGN_DATA_DIR", " /data\r\n"),
        ("COUNTERSIGN_LISTEN", "\t127.0.0.1:1\n"),
        ("COUNTERSIGN_PASSWORDS__BLOCKLIST", "false\n"),
        ("COUNTERSIGN_HTTP__MAX_CONNECTIONS", "77\n"),
        ("COUNTERSIGN_TOKENS__ACCESS_TTL", "5m\n"),
        ("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.0/8\n"),
        ("COUNTERSIGN_REGISTRATION__MODE", "closed\n"),
        ("COUNTERSIGN_PUBLIC_URL", "https://a.example\n"),
    ];
    let config = load_with("", &env, &Overrides::default()).expect("good");
    assert_eq!(config.database_url().expose_secret(), "sqlite:/data/a.db");
    assert_eq!(config.issuer(), "https://a.example");
    assert_eq!(config.audit_file(), Some("/data/audit.jsonl".into()));
    assert_eq!((config.http.max_connections, config.passwords.blocklist), (77, false));
}

#[test]
fn d9_an_unknown_key_is_refused_by_name_and_source() {
    for (text, key) in [
        ("colour = 1", "colour"),
        ("[tokens]\nacces_ttl = \"1m\"", "tokens.acces_ttl"),
        ("[redis]\nurls = \"\"", "redis.urls"),
        ("[mail]\nfrom = \"\"", "mail"),
        ("[[dialects]]\nname = \"passport\"\nsecrets = \"x\"", "dialects.0.secrets"),
    ] {
        refused(text, key);
    }
    for (name, key) in [
        ("COUNTERSIGN_TOKENS__ACCES_TTL", "tokens.acces_ttl"),
        ("COUNTERSIGN_TOKEN__ACCESS_TTL", "token"),
        ("COUNTERSIGN_TOKENS__LIFE__ACCESS", "tokens.life"),
    ] {
        let error = load_env(name, "1m").expect_err("unknown");
        assert_eq!(error.key(), Some(key));
        assert!(error.to_string().ends_with(&format!("(set by {name})")), "{error}");
    }
    let flags = Overrides::default().set("--colour", "colour", "red");
    let error = load_with("", &[], &flags).expect_err("unknown").to_string();
    assert!(error.contains("--colour"), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_is_refused_by_name() {
    for (text, key) in [
        ("listen = \"localhost\"", "listen"),
        ("listen = 8080", "listen"),
        ("[metrics]\nlisten = \"9090\"", "metrics.listen"),
        ("trusted_proxies = [\"10.0.0.0/33\"]", "trusted_proxies"),
        ("tokens = 1", "tokens"),
        ("[tokens]\nalgorithm = \"none\"", "tokens.algorithm"),
        ("[tokens]\nalgorithm = \"es256\"", "tokens.algorithm"),
        ("[tokens]\naccess_ttl = 900", "tokens.access_ttl"),
        ("[tokens]\naccess_ttl = \"15\"", "tokens.access_ttl"),
        ("[tokens]\naccess_ttl = \"-15m\"", "tokens.access_ttl"),
        ("[passwords]\nmin_length = -8", "passwords.min_length"),
        ("[passwords]\nblocklist = \"yes\"", "passwords.blocklist"),
        ("[registration]\nmode = \"free\"", "registration.mode"),
        ("[[dialects]]\nname = \"passport\"\nsecret = 12345", "dialects.0.secret"),
        (
            "[[dialects]]\nname = \"passport\"\nlegacy_tokens_until = \"soon\"",
            "dialects.0.legacy_tokens_until",
        ),
    ] {
        refused(text, key);
    }
    assert_eq!(
        load_env("COUNTERSIGN_HTTP__MAX_CONNECTIONS", "many").expect_err("no number").key(),
        Some("http.max_connections")
    );
}

#[test]
fn d9_an_http_issuer_off_this_machine_is_refused() {
    for url in [
        "http://auth.example.org",
        "http://10.0.0.1",
        "http://localhost.example.org",
        "http://[2001:db8::1]",
    ] {
        refused(&format!("public_url = \"{url}\""), "public_url");
        refused(&format!("[tokens]\nissuer = \"{url}\""), "tokens.issuer");
        refused(&format!("public_url = \"{url}\"\n[cookies]\nenabled = true"), "public_url");
    }
    for url in [
        "http://localhost:3000",
        "http://127.0.0.2",
        "http://[::1]:8080",
        "http://auth.localhost",
        "https://auth.example.org/base/",
    ] {
        let text = format!("public_url = \"{url}\"\n[cookies]\nenabled = true");
        let config = load(&text).expect(url);
        assert_eq!(config.issuer(), url.trim_end_matches('/'));
    }
    for url in [
        "",
        "auth.example.org",
        "ftp://a",
        "https://u@a",
        "https://u:p@a",
        "https://a?b",
        "https://a#b",
    ] {
        refused(&format!("public_url = \"{url}\""), "public_url");
    }
}

#[test]
fn a_time_that_is_left_empty_is_none() {
    let config = load("[keys]\nrotate_every = \"\"\n[audit]\nretention = \"\"").expect("good");
    assert_eq!((config.keys.rotate_every, config.audit.retention), (None, None));
    let config = load("[keys]\nrotate_every = \"7d\"\n[audit]\nretention = \"1d\"");
    let config = config.expect("good");
    let days = |days: u64| Some(Duration::from_hours(24 * days));
    assert_eq!((config.keys.rotate_every, config.audit.retention), (days(7), days(1)));
    assert!(refused("[keys]\nrotate_every = \"soon\"", "keys.rotate_every").contains("30d"));
}

#[test]
fn numbers_and_times_that_cannot_be_meant_are_refused() {
    for (section, setting) in [
        ("tokens", "access_ttl = \"0s\""),
        ("tokens", "access_ttl = \"1500ms\""),
        ("tokens", "access_ttl = \"25h\""),
        ("tokens", "leeway = \"1h\""),
        ("tokens", "status_list = true\nalgorithm = \"HS256\""),
        ("tokens", "audience = \"a b\""),
        ("sessions", "refresh_ttl = \"91d\""),
        ("sessions", "absolute_ttl = \"11y\""),
        ("sessions", "max_per_user = 0"),
        ("sessions", "reuse_grace = \"2m\""),
        ("sessions", "unused_successor = \"5s\""),
        ("sessions", "max_staleness = \"0s\""),
        ("keys", "rotate_every = \"59m\""),
        ("keys", "rotate_every = \"11y\""),
        ("audit", "retention = \"23h\""),
        ("audit", "retention = \"11y\""),
        ("passwords", "min_length = 7"),
        ("passwords", "min_length = 65"),
        ("passwords", "memory_kib = 1024"),
        ("passwords", "memory_kib = 4294967295"),
        ("passwords", "iterations = 1"),
        ("passwords", "parallelism = 0"),
        ("passwords", "queue = 0"),
        ("database", "max_connections = 0"),
        ("database", "prepared_statements = false"),
        ("database", "prepared_statements = false\nurl = \"mysql://h/d\""),
        ("database", "url = \"sqlite:\""),
        ("database", "url = \"sqlite://:memory:\""),
        ("database", "url = \"redis://h\""),
        ("redis", "url = \"localhost:6379\""),
        ("redis", "url = \"redis+cluster://a:1/2\""),
        ("http", "max_connections = 0"),
        ("http", "max_streams = 0"),
        ("traces", "sample_ratio = -0.1"),
        ("traces", "sample_ratio = 1.01"),
        ("traces", "sample_ratio = nan"),
        ("traces", "otlp = \"127.0.0.1:4318\""),
        ("traces", "otlp = \"grpc://127.0.0.1:4317\""),
        ("traces", "otlp = \"https://h?key=k\""),
        ("audit", "file = \"..\""),
    ] {
        let key = setting.split(' ').next().expect("a key");
        refused(&format!("[{section}]\n{setting}"), &format!("{section}.{key}"));
    }
    refused("[sessions]\nrefresh_ttl = \"5m\"", "tokens.access_ttl");
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    for bad in [
        "https://a.example/",
        "https://A.example",
        "https://a.example:443",
        "a.example",
        "null",
        "https://*.a.example/x",
        "",
        "https://u@a.example",
        "*\", \"https://a.example",
    ] {
        refused(&format!("[cors]\norigins = [\"{bad}\"]"), "cors.origins");
    }
    for good in ["https://a.example", "http://localhost:3000", "capacitor://localhost"] {
        let config = load(&format!("[cors]\norigins = [\"{good}\"]")).expect(good);
        assert!(
            config.cors.origins.allow(good) && !config.cors.origins.allow("https://evil.example")
        );
    }
    assert_eq!(load("[cors]\norigins = [\"*\"]").expect("any").cors.origins, Origins::Any);
    refused("[cors]\norigins = [\"*\"]\n[cookies]\nenabled = true", "cors.origins");
}

#[test]
fn hosts_are_names_as_clients_write_them() {
    for bad in
        ["", "*", "*.example.org", "https://a.example", "a.example:8080", "a.example/x", "a b"]
    {
        refused(&format!("[http]\nhosts = [\"{bad}\"]"), "http.hosts.0");
    }
    for (written, read) in [
        ("auth.example.org", "auth.example.org"),
        ("Auth.Example.Org.", "auth.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.7", "192.0.2.7"),
    ] {
        let config = load(&format!("[http]\nhosts = [\"{written}\"]")).expect(written);
        assert_eq!(config.http.hosts[0].as_str(), read);
    }
}

fn dialect(settings: &str) -> String {
    format!("[[dialects]]\nname = \"passport\"\n{settings}\n")
}

#[test]
fn an_error_names_the_file_and_not_the_line_that_may_hold_a_secret() {
    let broken = file("listen = \"127.0.0.1:1\"\n[database]\nurl = \"postgres://u:hunter2@h/d\n");
    let error =
        Config::load(Some(broken.path()), [], &Overrides::default(), &[]).expect_err("broken");
    let shown = error.to_string();
    assert!(shown.contains("line 3") && !shown.contains("hunter2"), "{shown}");

    let wrong = file("[http]\nmax_connections = 0");
    let error = Config::load(Some(wrong.path()), [], &Overrides::default(), &[]).expect_err("zero");
    assert!(error.to_string().contains(&wrong.path().display().to_string()), "{error}");

    let missing = Config::load(Some("/nonexistent.toml".as_ref()), [], &Overrides::default(), &[]);
    assert!(missing.expect_err("missing").to_string().starts_with("/nonexistent.toml: "));
}

#[test]
fn no_secret_is_shown_by_debug_or_when_written_out() {
    let text = format!(
        "[database]\nurl = \"postgres://u:hunter2@h/d\"\n\
         [traces]\notlp = \"http://h\"\nheaders = {{ api-key = \"collectors\" }}\n{}",
        dialect(&format!(
            "secret = \"{STRONG}\"\nlegacy_secret = \"my_precious\"\nlegacy_tokens_until = \"2027-01-31\""
        ))
    );
    let config = load(&text).expect("good");
    let written = serde_json::to_string(&config).expect("JSON");
    for shown in [format!("{config:?}"), written] {
        for secret in ["hunter2", STRONG, "my_precious", "collectors"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let warnings = config.warnings().join("\n");
    assert!(warnings.contains("traces.headers: over http"), "{warnings}");
    let shown = refused("[database]\nurl = \"oracle://u:hunter2@h/d\"", "database.url");
    assert!(!shown.contains("hunter2"), "{shown}");
}

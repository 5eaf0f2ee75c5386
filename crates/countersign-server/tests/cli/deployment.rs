//! What lies in `deploy/`, and the page that tells how it is used: each file promises what it must, and
//! what it gives Countersign is a configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::free::free_address;
use crate::program::{PASSWORD, Place, binary, finish, until};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn text(file: &str) -> String {
    let path = Path::new(ROOT).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// What Countersign makes of a file of ours and of variables.
#[track_caller]
fn configuration(file: Option<&str>, variables: &[(String, String)]) -> Value {
    let place = variables.iter().fold(Place::new(), |place, (name, value)| place.set(name, value));
    let file = file.map(|file| Path::new(ROOT).join(file));
    let file = file.as_ref().map(|file| file.to_str().expect("a path in text"));
    let config = file.map_or(Vec::new(), |file| vec!["--config", file]);
    let mut command = place.command(binary());
    command.args(["config", "check", "--json"]).args(config);
    finish(command, "").json()
}

/// The instructions of the Dockerfile's last stage, each on one line.
fn image() -> Vec<String> {
    let text = text("deploy/Dockerfile").replace("\\\n", "");
    let (_, last) = text.rsplit_once("\nFROM ").expect("there are stages");
    last.lines().map(str::to_owned).collect()
}

fn instruction<'i>(image: &'i [String], name: &str) -> &'i str {
    let found = image.iter().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("the image has no {name}")).trim()
}

/// `NAME=VALUE` of the image.
fn image_variables() -> Vec<(String, String)> {
    let image = image();
    let pairs = instruction(&image, "ENV").split(' ').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_image_is_the_program_alone_and_runs_as_nobody_in_particular() {
    let image = image();
    assert_eq!(image[0], "scratch");
    assert_eq!(instruction(&image, "USER"), "65532:65532");
    assert_eq!(instruction(&image, "STOPSIGNAL"), "SIGTERM");
    assert_eq!(instruction(&image, "ENTRYPOINT"), r#"["/usr/local/bin/countersign"]"#);
    let health = instruction(&image, "HEALTHCHECK");
    assert!(health.ends_with(r#"CMD ["/usr/local/bin/countersign", "health"]"#), "{health}");
    let config = configuration(None, &image_variables());
    assert_eq!(config["data_dir"], instruction(&image, "VOLUME"));
    let (_, port) = string(&config["listen"]).rsplit_once(':').expect("a port");
    assert_eq!(instruction(&image, "EXPOSE"), port);
}

/// The variables of a service of the compose file, with the defaults of what is not set.
fn compose_variables(service: &Value) -> Vec<(String, String)> {
    let variables = service["environment"].as_object().expect("there are variables");
    let value = |value: &str| match value.strip_prefix("${").and_then(|it| it.split_once(":-")) {
        Some((_, default)) => default.trim_end_matches('}').to_owned(),
        None => value.to_owned(),
    };
    variables.iter().map(|(name, it)| (name.clone(), value(string(it)))).collect()
}

#[test]
fn the_compose_file_has_three_nodes_that_trust_nginx_alone_and_no_secret() {
    let compose = yaml("deploy/compose.yaml");
    let services = compose["services"].as_object().expect("services");
    let address = &services["nginx"]["networks"]["default"]["ipv4_address"];
    let nginx = text("deploy/nginx.conf");
    for name in ["node1", "node2", "node3"] {
        let node = &services[name];
        assert!(node["read_only"] == true && node["cap_drop"][0] == "ALL", "{node}");
        assert!(nginx.contains(&format!("server {name}:8080 ")), "{name}");
        let mut variables = image_variables();
        variables.extend(compose_variables(node));
        let config = configuration(None, &variables);
        assert_eq!(list(&config["trusted_proxies"]).len(), 1);
        assert_eq!(config["trusted_proxies"][0].as_str().map(host), address.as_str().map(host));
        assert_eq!(config["master_secret_file"], "/run/secrets/master-secret");
        // Its password is in a file.
        assert_eq!(node["env_file"], "./secrets/redis-env");
        assert!(variables.iter().all(|(name, _)| !name.contains("REDIS")), "{variables:?}");
        assert!(string(&config["listen"]).ends_with(":8080"));
    }
    let redis = &services["redis"];
    assert_eq!(redis["command"][1], "/run/secrets/redis-conf");
    assert_eq!(redis["secrets"][0], "redis-conf");
    for (name, secret) in compose["secrets"].as_object().expect("secrets") {
        assert_eq!(secret["file"], format!("./secrets/{name}"));
    }
    assert!(text(".gitignore").lines().any(|line| line == "/deploy/secrets"));
    assert!(text(".dockerignore").lines().any(|line| line == "/deploy/secrets"));
    for (name, service) in services {
        let ports = service["ports"].as_array().into_iter().flatten();
        assert!(ports.map(string).all(|port| port.starts_with("127.0.0.1:")), "{name}");
        let variables = service["environment"].as_object().into_iter().flatten();
        let bare =
            |(name, _): &(&String, &Value)| name.contains("PASSWORD") && !name.ends_with("_FILE");
        assert_eq!(variables.filter(bare).count(), 0, "{name}");
    }
}

/// Runs what the operators' page says before `docker compose`, and gives the folder of the secrets.
fn compose_secrets(place: &Place) -> PathBuf {
    let page = text("docs/operating.md");
    let block = page.split("```bash\n").find(|block| block.contains("docker compose"));
    let (block, _) = block.and_then(|it| it.split_once("docker compose")).expect("it is there");
    // Only root may give files away.
    let script = block.replace(" -o 65532", "").replace(" -o 999", "");
    let mut shell = place.command("bash");
    shell.args(["-euo", "pipefail", "-c", &format!("mkdir deploy\n{script}")]);
    let ran = finish(shell, "");
    assert_eq!(ran.code, Some(0), "{script}\n{ran:?}");
    place.folder.path().join("deploy/secrets")
}

/// A Redis as the compose file starts it, until it is dropped.
struct Redis(Child);

impl Redis {
    /// `None` when the tests are run without Redis.
    fn start(file: &Path, address: SocketAddr) -> Option<Self> {
        if std::env::var_os("COUNTERSIGN_TEST_REDIS").is_none() {
            eprintln!("skipped: COUNTERSIGN_TEST_REDIS is not set");
            return None;
        }
        let compose = yaml("deploy/compose.yaml");
        let command: Vec<_> = list(&compose["services"]["redis"]["command"]).iter().collect();
        let options = command[2..].iter().map(|option| string(option));
        let mut redis = Command::new(string(command[0]));
        redis.arg(file).args(options).args(["--bind", "127.0.0.1", "--port"]);
        redis.arg(address.port().to_string()).stdout(Stdio::null());
        Some(Self(redis.spawn().expect("redis-server is installed")))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }
}

#[tokio::test]
async fn redis_of_the_compose_file_wants_the_password_that_the_nodes_have() {
    let place = Place::new();
    let secrets = compose_secrets(&place);
    for (name, _) in yaml("deploy/compose.yaml")["secrets"].as_object().expect("secrets") {
        assert!(secrets.join(name).exists(), "{name}");
    }
    let address = free_address();
    let Some(_redis) = Redis::start(&secrets.join("redis-conf"), address) else { return };
    let variable = fs::read_to_string(secrets.join("redis-env")).expect("the page makes it");
    let (name, url) = variable.trim().split_once('=').expect("a variable");
    let url = url.replace("redis:6379", &address.to_string());
    // Without the password Redis says so; with it, it is well.
    let bare = Place::new().set(name, &format!("redis://{address}/0"));
    let doctor = until(async || {
        let ran = bare.run(&["doctor"], "");
        (ran.stdout + &ran.stderr).lines().find(|line| line.contains("refuses")).map(str::to_owned)
    });
    assert!(doctor.await.contains("redis"));
    let place = place.set(name, &url);
    let server = place.serve().await;
    let ready = async || {
        let answer = server.request(Method::GET, "/readyz").send().await.expect("it answers");
        answer.json::<Value>().await.expect("JSON")
    };
    until(async || (ready().await["degraded"] == json!([])).then_some(())).await;
}

/// Without the length of the network's prefix.
fn host(address: &str) -> &str {
    address.split('/').next().unwrap_or(address)
}

#[test]
fn kubernetes_gives_a_pod_nothing_that_it_does_not_need() {
    let deployment = yaml("deploy/kubernetes/deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["enableServiceLinks"], false);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
    assert!(pod["terminationGracePeriodSeconds"].as_u64().expect("seconds") >= 20);

    let secret = yaml("deploy/kubernetes/secret.example.yaml");
    let secrets = secret["stringData"].as_object().expect("keys");
    let kustomization = yaml("deploy/kubernetes/kustomization.yaml");
    let applied = list(&kustomization["resources"]);
    assert!(!applied.contains(&"secret.example.yaml".into()));
    let mut variables = vec![];
    for variable in list(&container["env"]) {
        let name = string(&variable["name"]).to_owned();
        let key = &variable["valueFrom"]["secretKeyRef"]["key"];
        match key.as_str() {
            Some(key) => assert_eq!(secrets[key], "", "{name}"),
            None => variables.push((name, string(&variable["value"]).to_owned())),
        }
    }
    let config = configuration(Some("deploy/kubernetes/countersign.toml"), &variables);
    // A secret in a variable is shown to whoever may look at the pod.
    assert!(variables.iter().all(|(name, _)| !name.contains("MASTER_SECRET")));
    let volume = list(&pod["volumes"]).iter().find(|volume| volume["name"] == "master-secret");
    let volume = &volume.expect("the secret is a volume")["secret"];
    assert_eq!(
        (&volume["secretName"], &volume["defaultMode"]),
        (&secret["metadata"]["name"], &json!(0o440))
    );
    assert_eq!(pod["securityContext"]["fsGroup"], pod["securityContext"]["runAsUser"]);
    let mounts = list(&container["volumeMounts"]);
    let mount =
        mounts.iter().find(|mount| mount["name"] == "master-secret").expect("it is mounted");
    let file = format!("{}/{}", string(&mount["mountPath"]), string(&volume["items"][0]["path"]));
    assert_eq!(config["master_secret_file"], file);
    for network in list(&config["trusted_proxies"]) {
        let (_, length) = string(network).split_once('/').expect("a network");
        assert!(length.parse::<u8>().expect("a number") >= 24, "not every pod: {network}");
    }
    assert!(list(&config["http"]["hosts"]).contains(&json!("countersign.default.svc")));
    assert_eq!(container["resources"]["limits"]["memory"], "512Mi");
    let ports = list(&container["ports"]).iter().map(|port| port["containerPort"].to_string());
    let listens = [&config["listen"], &config["metrics"]["listen"]];
    let listens = listens.map(|it| string(it).rsplit_once(':').expect("a port").1.to_owned());
    assert_eq!(ports.collect::<Vec<_>>(), listens);
    reaches_only_from_named_namespaces(&deployment, applied);
}

/// The network policy is applied, and names for every port of the pod who may reach it.
#[track_caller]
fn reaches_only_from_named_namespaces(deployment: &Value, applied: &[Value]) {
    assert!(applied.contains(&"network-policy.yaml".into()));
    let policy = yaml("deploy/kubernetes/network-policy.yaml");
    let spec = &policy["spec"];
    assert_eq!(spec["podSelector"], deployment["spec"]["selector"]);
    assert_eq!(spec["policyTypes"], json!(["Ingress"]));
    let rules = list(&spec["ingress"]);
    for rule in rules {
        let from = list(&rule["from"]);
        assert!(
            !from.is_empty()
                && from.iter().all(|it| it["namespaceSelector"]["matchLabels"].is_object())
        );
    }
    let open = rules.iter().flat_map(|rule| list(&rule["ports"])).map(|port| port["port"].clone());
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let ports = list(&container["ports"]).iter().map(|port| port["name"].clone());
    assert_eq!(open.collect::<Vec<_>>(), ports.collect::<Vec<_>>());
}

#[test]
fn the_unit_runs_as_a_user_of_its_own_with_next_to_no_rights() {
    let unit = text("deploy/countersign.service");
    for line in [
        "Type=notify",
        "User=countersign",
        "StateDirectory=countersign",
        "LoadCredential=master-secret:/etc/countersign/master-secret",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "MemoryDenyWriteExecute=yes",
        "RestartPreventExitStatus=2",
    ] {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
    let config = configuration(Some("deploy/countersign.toml"), &[]);
    assert_eq!(config["data_dir"], "/var/lib/countersign");
    assert_eq!(config["master_secret_file"], "/etc/countersign/master-secret");
    // In tenths: what systemd calls OK ends at 4.9.
    let file = Path::new(ROOT).join("deploy/countersign.service");
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(file);
    match analyze.output() {
        Ok(output) => assert!(output.status.success(), "{}", output.stdout.escape_ascii()),
        Err(error) => eprintln!("skipped: systemd-analyze: {error}"),
    }
}

#[tokio::test]
async fn systemd_is_told_when_the_server_listens() {
    let place = Place::new();
    let path = place.folder.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).expect("a socket can be made");
    let place = place.set("NOTIFY_SOCKET", path.to_str().expect("a path in text"));
    let server = place.serve().await;
    let mut message = [0; 64];
    let told = until(async || socket.try_recv(&mut message.clone()).ok()).await;
    assert_eq!(told, "READY=1\n".len());
    message[..told].copy_from_slice(b"READY=1\n");
    server.log_in_answer("nobody", PASSWORD).await;
}

/// The blocks of the operators' page that are run on a machine.
fn blocks() -> Vec<String> {
    let page = text("docs/operating.md");
    let blocks = page.split("\n```sh\n").skip(1);
    blocks.map(|rest| rest.split("\n```").next().expect("it ends").to_owned()).collect()
}

#[tokio::test]
async fn the_commands_of_the_operators_page_do_what_they_say_beside_a_server() {
    let only_commands = |block: &String| {
        block.lines().all(|line| line.starts_with("cs ") || line.contains("=$(cs "))
    };
    let blocks: Vec<_> = blocks().into_iter().filter(only_commands).collect();
    assert!(blocks.len() >= 4, "{blocks:?}");
    let place = Place::new();
    place.json(&["user", "create", "--email", "you@example.org"]);
    let _server = place.serve().await;
    let data_dir = place.data_dir();
    let script = blocks.join("\n").replace("/var/lib/countersign", &data_dir.to_string_lossy());
    let script = script.replace("/root/", &format!("{}/", place.folder.path().display()));
    let mut shell = place.command("bash");
    let cs = format!("cs() {{ '{}' --data-dir '{}' \"$@\"; }}", binary(), data_dir.display());
    shell.args(["-euo", "pipefail", "-c", &format!("{cs}\n{script}")]);
    let ran = finish(shell, &format!("{PASSWORD}\n").repeat(20));
    assert_eq!(ran.code, Some(0), "{script}\n{ran:?}");
}

#[tokio::test]
async fn what_the_operators_page_wants_to_be_watched_is_measured() {
    let place = Place::new().set("COUNTERSIGN_METRICS__LISTEN", "127.0.0.1:0");
    let server = place.serve().await;
    let line = server.stdout.line("  metrics: ").await;
    let url = line.split_whitespace().next().expect("a URL").to_owned();
    // What was never counted has no name yet.
    server.register("alice").await;
    server.post("/v1/refresh", serde_json::json!({ "refresh_token": "rubbish" })).await;
    let request = server.request(reqwest::Method::GET, "/v1/me").bearer_auth("rubbish");
    assert_eq!(request.send().await.expect("it answers").status(), 401);
    let metrics = server.client.get(&url).send().await.expect("it answers");
    let metrics = metrics.text().await.expect("text");
    let page = text("docs/operating.md");
    let alerts: Vec<_> = page.split("countersign_").skip(1).collect();
    assert!(alerts.len() > 6);
    for alert in alerts {
        let end = alert.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = format!("countersign_{}", &alert[..end.expect("a name ends")]);
        // Redis is not configured here, and there is no other process whose clock could be compared.
        let absent = ["countersign_redis_up", "countersign_clock_difference_seconds"];
        assert!(absent.contains(&&*name) || metrics.contains(&name), "{name}");
    }
}

#[test]
fn the_proxys_configuration_on_the_page_trusts_no_header_of_the_client() {
    for configuration in [text("deploy/nginx.conf"), text("docs/operating.md")] {
        let lines: Vec<_> = configuration.lines().map(str::trim).collect();
        let passes = lines.iter().filter(|line| line.starts_with("proxy_pass ")).count();
        assert!(passes > 0);
        for told in
            ["proxy_set_header X-Forwarded-For $remote_addr;", "proxy_set_header traceparent \"\";"]
        {
            assert_eq!(lines.iter().filter(|line| **line == told).count(), passes, "{told}");
        }
        for bound in ["add_header Strict-Transport-Security ", "limit_req ", "limit_conn "] {
            assert!(lines.iter().any(|line| line.starts_with(bound)), "{bound}");
        }
    }
    assert!(text("deploy/countersign.toml").contains("trusted_proxies = [\"127.0.0.1\"]"));
}

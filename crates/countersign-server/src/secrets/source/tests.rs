//! Files with and without a master secret.

use tempfile::TempDir;

use super::*;

fn config(folder: &TempDir) -> Config {
    Config { data_dir: folder.path().into(), ..Config::default() }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn write(folder: &TempDir, content: &[u8], mode: u32) -> PathBuf {
    let path = folder.path().join("secret");
    fs::write(&path, content).expect("written");
    fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("ours");
    path
}

fn load(config: &Config, may_create: bool) -> Result<(MasterSecret, SecretSource), SecretError> {
    MasterSecret::load_or_create(config, None, may_create, &Entropy::System)
}

const RANDOM: &str = "q1FhJ0vXoP9m3bT5Zc7Kd2eYwR8uLs4iN6gAxHfEVjM=";

#[test]
fn it_is_made_once_for_its_owner_alone() {
    let folder = folder();
    let config = config(&folder);
    let (made, source) = load(&config, true).expect("made");
    let path = folder.path().join(GENERATED);
    assert_eq!(source, SecretSource::Created(path.clone()));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    for may_create in [true, false] {
        let (read, source) = load(&config, may_create).expect("read");
        assert_eq!(source, SecretSource::File(path.clone()));
        assert_eq!(read.check_value(), made.check_value());
    }
}

#[test]
fn processes_that_start_at_once_get_the_same_secret() {
    let folder = folder();
    let config = config(&folder);
    let values: Vec<String> = std::thread::scope(|scope| {
        let start = || load(&config, true).expect("a secret").0.check_value();
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().expect("no panic")).collect()
    });
    assert!(values.iter().all(|value| *value == values[0]));
}

#[test]
fn a_write_that_was_cut_short_is_begun_again() {
    let folder = folder();
    fs::write(folder.path().join("master-secret.new"), "half").expect("written");
    assert!(matches!(load(&config(&folder), true), Ok((_, SecretSource::Created(_)))));
    assert!(!folder.path().join("master-secret.new").exists());
}

#[test]
fn it_is_not_made_where_keys_may_exist() {
    let folder = folder();
    let error = load(&config(&folder), false).expect_err("no secret").to_string();
    assert!(error.starts_with("master_secret_file: "), "{error}");
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0);
}

#[test]
fn a_file_holds_bytes_or_base64_and_the_variable_wins() {
    let folder = folder();
    let bytes = STANDARD.decode(RANDOM).expect("base64");
    let mut config = config(&folder);
    let mut values = Vec::new();
    for content in [&bytes[..], RANDOM.as_bytes(), format!("{RANDOM}\n").as_bytes()] {
        config.master_secret_file = Some(write(&folder, content, 0o400));
        values.push(load(&config, false).expect("read").0.check_value());
        fs::remove_file(folder.path().join("secret")).expect("ours");
    }
    config.master_secret_file = Some("/nonexistent".into());
    let variable = SecretString::from(RANDOM);
    let (secret, source) =
        MasterSecret::load_or_create(&config, Some(&variable), false, &Entropy::System)
            .expect("the variable's");
    assert_eq!(source, SecretSource::Environment);
    assert!(values.iter().all(|value| *value == secret.check_value()));
}

#[test]
fn d9_a_file_that_others_may_read_is_refused_by_key_and_mode() {
    let folder = folder();
    for mode in [0o644, 0o640, 0o604, 0o666] {
        let path = Some(write(&folder, RANDOM.as_bytes(), mode));
        let config = Config {
            master_secret_file: path.clone(),
            master_secret_previous_file: path,
            ..config(&folder)
        };
        let errors = [
            ("master_secret_file: ", load(&config, true).expect_err("refused")),
            (
                "master_secret_previous_file: ",
                MasterSecret::load_previous(&config).expect_err("too"),
            ),
        ];
        for (key, error) in errors {
            let error = error.to_string();
            assert!(error.starts_with(key) && error.contains(&format!("{mode:04o}")), "{error}");
            assert!(!error.contains(RANDOM));
        }
    }
}

#[test]
fn a_mounted_secret_that_others_may_read_is_warned_of_with_advice_that_can_be_followed() {
    let folder = folder();
    let path = write(&folder, RANDOM.as_bytes(), 0o444);
    let metadata = fs::metadata(&path).expect("there");
    let exposure = Exposure::of(&path, &metadata).expect("others may read it");
    assert!(!exposure.is_mounted && exposure.to_string().contains("chmod 0600"));
    let exposure = Exposure::of(Path::new("/run/secrets/master"), &metadata).expect("they may");
    let advice = exposure.to_string();
    assert!(exposure.is_mounted && !advice.contains("chmod"), "{advice}");
    assert!(advice.contains("mode: 0400") && advice.contains("defaultMode: 0440"), "{advice}");
}

#[test]
fn a_secret_on_a_read_only_mount_is_read_and_warned_of() {
    let folder = folder();
    write(&folder, RANDOM.as_bytes(), 0o444);
    let mount = |arguments: &[&str]| {
        let mut command = std::process::Command::new(arguments[0]);
        let status = command.args(&arguments[1..]).arg(folder.path()).status();
        status.is_ok_and(|status| status.success())
    };
    let path = folder.path().display().to_string();
    if !mount(&["mount", "--bind", &path]) {
        eprintln!("skipped: nothing can be mounted here");
        return;
    }
    let is_read_only = mount(&["mount", "-o", "remount,bind,ro"]);
    let config =
        Config { master_secret_file: Some(folder.path().join("secret")), ..config(&folder) };
    let (read, warnings) = (load(&config, false), exposed_secrets(&config));
    assert!(mount(&["umount"]), "it is mounted");
    if is_read_only {
        assert!(read.is_ok(), "it is used");
        assert!(warnings.iter().any(|warning| warning.starts_with("master_secret_file: ")));
    }
}

#[test]
fn the_group_reads_what_root_put_there_for_who_is_not_root_and_nobody_else_does() {
    let (root, service) = (Uid::ROOT, Uid::from_raw(65_532));
    for (owner, reader, allowed) in [
        (root, service, 0o640),
        (root, root, 0o600),
        (service, service, 0o600),
        (service, root, 0o600),
    ] {
        assert_eq!(forbidden(owner, reader), 0o777 & !allowed & 0o077, "{owner:?} {reader:?}");
    }
}

#[test]
fn d9_what_is_no_secret_is_refused_by_name_and_not_shown() {
    let folder = folder();
    for bad in ["", "changeme", "my_precious", "0123456789abcdef0123456789abcdef", "c2hvcnQ="] {
        let path = write(&folder, bad.as_bytes(), 0o600);
        let config = Config { master_secret_file: Some(path), ..config(&folder) };
        let from_file = load(&config, true).expect_err("refused").to_string();
        assert!(from_file.starts_with("master_secret_file: "), "{from_file}");
        let variable = SecretString::from(bad);
        let from_variable =
            MasterSecret::load_or_create(&config, Some(&variable), true, &Entropy::System)
                .expect_err("refused")
                .to_string();
        assert!(from_variable.starts_with("COUNTERSIGN_MASTER_SECRET: "), "{from_variable}");
        for shown in [from_file, from_variable] {
            assert!(bad.is_empty() || !shown.contains(bad), "{shown}");
        }
    }
}

#[test]
fn a_folder_or_nothing_in_the_files_place_is_refused() {
    let folder = folder();
    for path in [folder.path().to_owned(), folder.path().join("missing")] {
        let config = Config { master_secret_file: Some(path), ..config(&folder) };
        assert!(load(&config, true).is_err());
    }
}

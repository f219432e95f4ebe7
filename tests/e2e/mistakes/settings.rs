//! Settings that are wrong: all of them are told at once, none repeats a secret.

use std::net::TcpListener;

use super::{Settings, refused_with};

#[tokio::test]
async fn all_faults_of_the_settings_are_told_at_once() {
    let settings = Settings::good()
        .with("listen", "everywhere")
        .with("issuer", "http://id.example.com")
        .with("hash_memory_kib", 8)
        .with("log_format", "xml")
        .with("refresh_grace_secnds", 10)
        .with("secret", "hidden-word")
        .without("master_key");
    for command in [&["config", "check"][..], &["serve"], &["user", "list"], &["key", "list"]] {
        let said = settings.refused(command).await;
        assert!(said.starts_with("the settings have 7 faults"), "{said}");
        for (setting, remedy) in [
            (": listen: `everywhere`", "address:port"),
            (": issuer: `http://id.example.com`", "https://host"),
            (": hash_memory_kib: `8`", "from 19456"),
            (": log_format: `xml`", "json"),
            (": refresh_grace_secnds", "did you mean `refresh_grace_seconds`?"),
            (": secret: ", "openssl rand"),
            ("COUNTERSIGN_MASTER_KEY: it is not set", "openssl rand"),
        ] {
            let line = said.lines().find(|line| line.contains(setting));
            assert!(line.is_some_and(|line| line.contains(remedy)), "{setting} in {said}");
        }
        assert!(!said.contains("hidden-word"), "{said}");
    }
}

#[tokio::test]
async fn a_settings_file_that_is_no_toml_is_told_by_its_line_and_not_repeated() {
    let settings = Settings::good();
    let file = settings.file("broken.toml", "listen = \"127.0.0.1:0\"\n\nsecret = hidden-word\n");
    let said = refused_with(&file, &["serve"]).await;
    assert!(said.contains("broken.toml:3: this is not TOML; "), "{said}");
    assert!(!said.contains("hidden-word"), "{said}");
}

#[tokio::test]
async fn a_settings_file_that_is_not_there_is_named() {
    let settings = Settings::good();
    let said = refused_with(&settings.directory.path().join("nowhere.toml"), &["serve"]).await;
    assert!(said.contains("nowhere.toml: the settings file cannot be read"), "{said}");
    assert!(said.contains("COUNTERSIGN_CONFIG"), "{said}");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let said = Settings::good().with("listen", address.as_str()).refused(&["serve", "--migrate"]).await;
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
    assert!(said.contains("set COUNTERSIGN_LISTEN to another"), "{said}");
}

//! What the documents say that holds where nothing is set, and what nobody can set.

use super::{names::KNOWN, tests::load};

const MANUAL: &str = include_str!("../../../docs/operating.md");

/// Where mail is sent, so that the settings of mail have defaults. These two have none.
const MAIL: [(&str, &str); 2] = [
    ("COUNTERSIGN_SMTP_URL", "smtps://mail.example.com"),
    ("COUNTERSIGN_MAIL_FROM", "Example <login@example.com>"),
];

/// The settings of the manual's table, each by its key, with what stands there as its default.
fn documented() -> Vec<(String, &'static str)> {
    let (_, table) = MANUAL.split_once("| setting | default | meaning |\n| --- | --- | --- |\n").unwrap();
    let mut settings = Vec::new();
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (names, default) = (cells.next().unwrap(), cells.next().unwrap());
        let names = names.split(", ").map(|name| name.trim_matches('`'));
        let keys = names.map(|name| name.strip_prefix("COUNTERSIGN_").unwrap().to_ascii_lowercase());
        settings.extend(keys.map(|key| (key, default)));
    }
    settings.sort_unstable();
    settings
}

#[test]
fn every_setting_is_in_the_manual_with_its_default() {
    let documented = documented();
    assert_eq!(documented.iter().map(|(key, _)| key).collect::<Vec<_>>(), KNOWN);

    let config = load(&MAIL).unwrap();
    let (table, issuer) = (config.table(), "https://id.example.com");
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut required = 0;
    for (key, default) in documented {
        let value = table.iter().find(|(name, _)| *name == key).unwrap().1.as_str();
        let expected = match default {
            "required" | "required with a server" => {
                required += 1;
                continue;
            }
            "" if key == "smtp_url" => continue,
            "the issuer" => issuer,
            "the `Host` header" => "",
            "the first own origin's host that is a name" => "id.example.com",
            "the cores" => cores.as_str(),
            "`login` with a mail server" => "login",
            text => text.trim_matches('`'),
        };
        assert_eq!(value, expected, "{key}");
    }
    assert_eq!(required, 5, "four, and the sender of mail");
}

#[test]
fn no_setting_goes_below_its_floor() {
    for (name, floor, below) in [
        // OWASP's for Argon2id, and NIST SP 800-63B-4's for a password that is not the only factor.
        ("HASH_MEMORY_KIB", "19456", "19455"),
        ("HASH_ITERATIONS", "2", "1"),
        ("PASSWORD_MIN_LENGTH", "8", "7"),
        ("AUDIT_RETENTION_SECONDS", "86400", "86399"),
        ("SESSIONS_PER_USER", "1", "0"),
        ("LIMIT_ACCOUNT", "1/1/1/1", "0/1/1/1"),
        ("LIMIT_ACCOUNT", "1/1/1/1", "1/0/1/1"),
        ("LIMIT_ACCOUNT", "1/1/1/1", "1/1/0/1"),
    ] {
        let name = format!("COUNTERSIGN_{name}");
        load(&[(&name, floor)]).unwrap();
        let faults = load(&[(&name, below)]).unwrap_err();
        assert!(faults.starts_with(&format!("{name}: ")), "{below}: {faults}");
    }
}

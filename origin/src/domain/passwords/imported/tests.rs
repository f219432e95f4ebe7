//! Hashes of other tools, and such as are not taken. Those that log in end to end stand in `tests/vectors/`.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> ImportedHash {
    ImportedHash::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn each_form_is_read() {
    for (hash, password) in [
        // crypt(5): libxcrypt.
        ("$7$CU..../....saltstring$riAqb/myUbI8Eo11FKgtr2TrvnWQyUKUa9oZOht0KWB", "pw"),
        ("$2y$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW", "pw"),
        // RFC 7914 §12, the third.
        (
            "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$\
             cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
            "pleaseletmein",
        ),
        // RFC 6070, in each of the forms.
        ("$pbkdf2$4096$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE", "password"),
        ("$pbkdf2-sha1$i=4096,l=20$c2FsdA$SwB5AbdlSJq.rUnZJvch0GWkKcE", "password"),
        ("pbkdf2_sha1$4096$salt$SwB5AbdlSJq+rUnZJvch0GWkKcE=", "password"),
    ] {
        let read = read(hash);
        assert!(read.matches(password.as_bytes(), &mut Memory::default()), "{hash}");
        assert!(!read.matches(b"another", &mut Memory::default()), "{hash}");
        assert!(!read.matches(b"", &mut Memory::default()), "{hash}");
    }
}

#[test]
fn bcrypt_sees_72_bytes_and_no_rubbish_in_spare_bits() {
    let password = "0123456789".repeat(8);
    let hash = read("$2b$04$......................y.Z8zipbVBlY/yFH78m3OxT0wYWsRxC");
    let same = |length: usize| hash.matches(&password.as_bytes()[..length], &mut Memory::default());
    assert!(same(72) && same(73) && same(80) && !same(71));
    // The spare bits of salt and outcome are not looked at.
    let other = read("$2b$04$...................../y.Z8zipbVBlY/yFH78m3OxT0wYWsRxD");
    assert!(other.matches(password.as_bytes(), &mut Memory::default()));
}

#[test]
fn what_would_take_minutes_or_gigabytes_is_refused() {
    let (salt, output) = ("c2FsdHNhbHQ", "cCO9yzr9c0hGHAbNgf046w");
    let slow = |text: String| assert!(matches!(refused(&text), Unusable::TooSlow(_)), "{text}");
    let large = |text: String| assert_eq!(refused(&text), Unusable::TooMuchMemory, "{text}");
    slow(format!("$2b$15${}", "a".repeat(53)));
    slow(format!("$2b$31${}", "a".repeat(53)));
    slow(format!("$pbkdf2-sha256$2000001${salt}${output}"));
    slow(format!("$pbkdf2-sha1$i=1000000,l=64${salt}${}", "A".repeat(86)));
    slow(format!("$pbkdf2-sha512$4294967295${salt}${output}"));
    slow(format!("$scrypt$ln=17,r=8,p=3${salt}${output}"));
    slow(format!("$scrypt$ln=1,r=1,p=4294967295${salt}${output}"));
    large(format!("$scrypt$ln=18,r=8,p=1${salt}${output}"));
    large(format!("$scrypt$ln=63,r=8,p=1${salt}${output}"));
    large(format!("$scrypt$ln=255,r=8,p=1${salt}${output}"));
    large(format!("scrypt$1099511627776$salt$8$1${output}"));
    large(format!("$7$wU..../....salt${}", "A".repeat(43)));
    large(format!("$argon2id$v=19$m=131073,t=1,p=1${salt}${output}"));
    large(format!("$argon2id$v=19$m=4294967295,t=1,p=1${salt}${output}"));
    slow(format!("$argon2id$v=19$m=65536,t=17,p=1${salt}${output}"));
    slow(format!("$argon2i$v=19$m=8,t=4294967295,p=1${salt}${output}"));
    // What is in use stays below.
    for common in [
        format!("$argon2id$v=19$m=65536,t=4,p=4${salt}${output}"),
        format!("$scrypt$ln=17,r=8,p=1${salt}${output}"),
        format!("scrypt$16384$salt$8$5${output}"),
        format!("$2b$12${}", "a".repeat(53)),
        format!("pbkdf2_sha256$1200000$salt${output}"),
        format!("$pbkdf2-sha1$1400000${salt}$SwB5AbdlSJq.rUnZJvch0GWkKcE"),
    ] {
        read(&common);
    }
}

#[test]
fn what_matches_more_than_a_password_is_refused() {
    let output = "cCO9yzr9c0hGHAbNgf046w";
    for weak in [
        "$pbkdf2-sha256$1000$c2FsdA$cCO9yzr9c0hG",
        "$scrypt$ln=14,r=8,p=1$c2FsdA$",
        "pbkdf2_sha256$1000$salt$",
        "$argon2id$v=19$m=65536,t=1,p=1$c2FsdHNhbHQ",
        "$argon2id$v=19$m=65536,t=1,p=1$c2FsdHNhbHQ$cCO9yzr9c0hGHA",
        &format!("$pbkdf2-sha256$1000$${output}"),
        &format!("$scrypt$ln=14,r=8,p=1$${output}"),
        &format!("$7$CU..../....${}", "A".repeat(43)),
    ] {
        assert_eq!(refused(weak), Unusable::TooWeak, "{weak}");
    }
}

#[test]
fn what_is_no_hash_is_refused() {
    let (salt, output) = ("c2FsdHNhbHQ", "cCO9yzr9c0hGHAbNgf046w");
    for unknown in
        ["", "password", "5f4dcc3b5aa765d61d8327deb882cf99", "$1$salt$hash", "$5$salt$hash", "$y$j9T$a$b"]
    {
        assert_eq!(refused(unknown), Unusable::UnknownKind, "{unknown}");
    }
    for unreadable in [
        "$2b$12$short",
        &format!("$2b$03${}", "a".repeat(53)),
        &format!("$2b$+4${}", "a".repeat(53)),
        &format!("$2b$12${}!", "a".repeat(52)),
        &format!("$2b$12${}\u{e9}", "a".repeat(51)),
        "$argon2id$",
        &format!("$argon2id$v=18$m=65536,t=1,p=1${salt}${output}"),
        &format!("$argon2id$v=19$m=65536,t=1,p=1,data=c2FsdA${salt}${output}"),
        &format!("$pbkdf2-sha256$-1${salt}${output}"),
        &format!("$pbkdf2-sha256$0${salt}${output}"),
        &format!("$pbkdf2-sha256$+1000${salt}${output}"),
        &format!("$pbkdf2-sha256$i=1000,l=17${salt}${output}"),
        &format!("$pbkdf2-sha256$1000$n?t-base64${output}"),
        &format!("$pbkdf2-sha256$1000${salt}${output}\n"),
        &format!("scrypt$16384$sa\0lt$8$1${output}"),
        &format!("$scrypt$ln=0,r=8,p=1${salt}${output}"),
        &format!("$scrypt$r=8,ln=14,p=1${salt}${output}"),
        &format!("scrypt$16385$salt$8$1${output}"),
        &format!("$7$C\u{e9}..../....salt${output}"),
        &format!("$pbkdf2-sha256$1000${salt}${}", "A".repeat(600)),
    ] {
        assert_eq!(refused(unreadable), Unusable::Unreadable, "{unreadable}");
    }
}

fn refused(text: &str) -> Unusable {
    ImportedHash::parse(text).expect_err(text)
}

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        drop(ImportedHash::parse(&text));
    }

    #[test]
    fn no_text_that_looks_like_a_hash_panics(
        text in r"\$?(2[abxy]|7|scrypt|argon2id|pbkdf2(-sha(1|256|512))?|bcrypt(_sha256)?)(\$[a-zA-Z0-9./=,+é]{0,25}){1,5}"
    ) {
        drop(ImportedHash::parse(&text));
    }
}

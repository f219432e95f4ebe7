//! One seal has one spelling: a good signature over another one is refused all the same, so that no two
//! parsers can read it differently.

use proptest::prelude::*;

use super::*;

#[test]
fn parameters_are_no_longer_than_they_need_to_be() {
    let good = good_parameters();
    let of_length = |length: usize| {
        let padding = ["keyid=\"", &"x".repeat(length - good.len())].concat();
        check_spelled(&good.replace("keyid=\"", &padding)).map(|_| ())
    };
    assert_eq!(of_length(parameters::MAX_LENGTH), Err(SealError::UnknownKey));
    assert_eq!(of_length(parameters::MAX_LENGTH + 1), Err(SealError::Malformed));
}

#[test]
fn parameters_have_one_spelling() {
    let good = good_parameters();
    assert!(check_spelled(&good).is_ok());
    for (from, to) in [
        ("(\"@method\" ", "("),
        ("\"@query\" ", ""),
        ("\"@method\" \"@authority\"", "\"@authority\" \"@method\""),
        ("\"@query\" \"x-identity-subject\"", "\"x-identity-subject\" \"@query\""),
        ("\"@method\" ", "\"@method\"  "),
        ("\"@method\" ", "\"@method\"\t"),
        ("(\"@", "( \"@"),
        ("digest\")", "digest\" )"),
        ("\"@method\"", "\"@method\" \"@method\""),
        ("\"@method\"", "\"@method\";req"),
        ("\"@authority\"", "\"@target-uri\""),
        ("\"@path\"", "\"@PATH\""),
        ("\"content-digest\"", "\"content-digest\" \"content-digest\""),
        ("\"content-digest\"", "\"content-digest\";sf"),
        ("\"content-digest\"", "\"content-digest\";bs"),
        ("\"content-digest\"", "\"content-digest\" \"accept\""),
        ("\"content-digest\"", "\"content-digest\" \"@status\""),
        ("\"x-identity-roles\"", "\"X-Identity-Roles\""),
        ("\"x-identity-roles\"", "\"x_identity_roles\""),
        ("\"x-identity-roles\"", "x-identity-roles"),
        (");created", ") ;created"),
        (";created", "; created"),
        ("created=", "created ="),
        ("created=1800000000;expires=1800000030", "expires=1800000030;created=1800000000"),
        ("created=1800000000;", ""),
        ("expires=1800000030;", ""),
        (";expires", ";created=1800000001;expires"),
        ("nonce=\"AAAAAAAAAAAAAAAAAAAAAA\";", ""),
        ("nonce=\"AAAAAAAAAAAAAAAAAAAAAA\"", "nonce=\"\""),
        ("AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB"),
        ("AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("nonce=\"AAAAAAAAAAAAAAAAAAAAAA\"", "nonce=AAAAAAAAAAAAAAAAAAAAAA"),
        ("alg=\"hmac-sha256\";", ""),
        ("alg=\"hmac-sha256\"", "alg=hmac-sha256"),
        ("keyid=\"", "keyid=\"\\"),
        ("tag=\"countersign\"", "tag=\"countersign"),
        (";tag=\"countersign\"", ""),
        ("tag=\"countersign\"", "tag=\"countersign\";"),
        ("tag=\"countersign\"", "tag=\"countersign\";x"),
        ("tag=\"countersign\"", "tag=\"countersign\";tag=\"countersign-edge\""),
        ("tag=\"countersign\"", "tag=\"countersign\" "),
        ("tag=\"countersign\"", "tag=\"countersign\", sig1=()"),
        ("tag=\"countersign\"", "tag=\"count;ersign\""),
    ] {
        let spelled = good.replacen(from, to, 1);
        assert_ne!(spelled, good, "{from}");
        assert_eq!(check_spelled(&spelled), Err(SealError::Malformed), "{from} -> {to}");
    }
    for algorithm in ["hmac-sha512", "HMAC-SHA256", "none", "", "rsa-pss-sha512"] {
        let spelled = good.replacen("hmac-sha256", algorithm, 1);
        assert_eq!(check_spelled(&spelled), Err(SealError::WrongAlgorithm), "{algorithm}");
    }
}

#[test]
fn both_headers_have_one_spelling() {
    let seal = good_seal();
    let bare = seal.signature.strip_prefix("countersign=:").unwrap().strip_suffix(':').unwrap();
    for signature in [
        "",
        "countersign=",
        "countersign=::",
        bare,
        &format!("sig1=:{bare}:"),
        &format!("Countersign=:{bare}:"),
        &format!(" countersign=:{bare}:"),
        &format!("countersign=:{bare}: "),
        &format!("countersign=:{bare}:;x"),
        &format!("countersign=:{bare}:, sig1=:{bare}:"),
        &format!("sig1=:{bare}:, countersign=:{bare}:"),
        &format!("countersign=:{}:", bare.trim_end_matches('=')),
        &format!("countersign=:{bare}=:"),
        &format!("countersign=:AAAA{bare}:"),
        &format!("countersign=:{}:", &bare[4..]),
        &format!("countersign=\"{bare}\""),
    ] {
        let seal = Seal { signature: signature.to_owned(), ..seal.clone() };
        assert_eq!(check(&message(&received(&HEADERS, &seal))), Err(SealError::Malformed), "{signature}");
    }
    for input in [
        String::new(),
        seal.input.replacen("countersign=", "sig1=", 1),
        seal.input.replacen("countersign=", "", 1),
        seal.input.replacen("countersign=", "countersign =", 1),
        format!(" {}", seal.input),
        format!("{} ", seal.input),
        format!("{}, {}", seal.input, seal.input),
        format!("sig1=(), {}", seal.input),
        format!("{}{}", seal.input, "x".repeat(100_000)),
        "(".repeat(100_000),
    ] {
        let seal = Seal { input, ..seal.clone() };
        assert_eq!(check(&message(&received(&HEADERS, &seal))), Err(SealError::Malformed));
    }
}

proptest! {
    #[test]
    fn parameters_that_parse_are_written_alike(text in r#"\("@method" "@authority" "@path" "@query"( "x-identity-[a-c]{0,2}"){0,3}( "content-digest")?\);created=[0-9]{1,3};expires=[0-9]{1,3};nonce="[A-D]{21}[AQ]";alg="hmac-sha256";keyid="[a-z]{0,3}";tag="[a-z]{0,3}""#) {
        if let Ok(parameters) = Parameters::parse(&text) {
            prop_assert_eq!(parameters.to_text(), text);
        }
    }
}

//! Who a request comes from. Each kind of credential has three answers: not presented, good, bad; and a bad
//! one is never mistaken for none.

use axum::http::{HeaderMap, header, request::Parts};
use shared::{
    cookie::{HANDLE_COOKIE, Handle},
    credential::Credential,
    origin_check::is_safe,
    problem::{Kind, Problem},
};

use super::{cookies, cross_site, problems, seal};
use crate::{
    app::App,
    domain::{Context, Principal},
};

/// How many handles of one request are looked up, as many as at the edge.
const MOST_HANDLES: usize = 16;

/// What came of looking at one kind of credential.
#[derive(Clone, Debug)]
pub(super) enum Answer<P = Principal> {
    /// There is none.
    NotPresented,
    /// It is good, and this is who presented it.
    Good(P),
    /// It is not good, and this is what the caller is told.
    Bad(Kind),
}

/// Who a request comes from: by its seal, which settles it, else by its cookie, else by its bearer token.
/// A cookie that came without the edge has to prove that an unsafe request comes from this site.
///
/// # Errors
/// The problem that the credentials are when taken together, or that kept them from being looked at.
pub(super) async fn authenticate(app: &App, parts: &Parts, context: &Context) -> Result<Answer, Problem> {
    if seal::identity(parts).is_some() {
        return by_seal(app, parts, context).await;
    }
    let bearer = bearer_token(&parts.headers)?;
    let by_cookie = by_cookie(app, parts, context).await?;
    let by_bearer = match bearer {
        Presented::Nothing => Answer::NotPresented,
        Presented::Malformed => Answer::Bad(Kind::InvalidToken),
        Presented::Token(token) => by_bearer(app, token, context).await?,
    };
    let answer = settled(by_cookie, by_bearer, |one, other| one.session == other.session)?;
    if let Answer::Good(principal) = &answer
        && principal.credential == Credential::Session
    {
        match &principal.handle {
            Some(handle) => cross_site::check(app, parts, handle)?,
            None if is_safe(parts.method.as_str()) => {}
            None => return Err(Kind::CsrfToken.into()),
        }
    }
    Ok(answer)
}

/// The one answer of the two: the cookie first, then the bearer. Two good ones have to be of one session. A
/// bad bearer is refused whatever stands beside it; a bad cookie, which anybody near the site can plant,
/// keeps a good bearer from nothing.
fn settled<P>(
    cookie: Answer<P>,
    bearer: Answer<P>,
    same: impl Fn(&P, &P) -> bool,
) -> Result<Answer<P>, Problem> {
    match (cookie, bearer) {
        (Answer::Good(one), Answer::Good(other)) if !same(&one, &other) => {
            let detail = "The cookie and the bearer token are of different sessions.";
            Err(Problem::new(Kind::AmbiguousCredentials).with_detail(detail))
        }
        (_, Answer::Bad(kind)) => Ok(Answer::Bad(kind)),
        (Answer::Good(one), _) => Ok(Answer::Good(one)),
        (_, Answer::Good(other)) => Ok(Answer::Good(other)),
        (cookie, Answer::NotPresented) => Ok(cookie),
    }
}

async fn by_seal(app: &App, parts: &Parts, context: &Context) -> Result<Answer, Problem> {
    let Some(subject) = seal::identity(parts).and_then(|identity| identity.subject.as_ref()) else {
        return Ok(Answer::NotPresented);
    };
    // The edge may be late by its seconds; the database is not, so it has the last word.
    let session = app.domain.by_session(context, subject.session, subject.credential, subject.issued);
    let principal = session.await;
    Ok(match principal.map_err(problems::of)? {
        Some(principal) if principal.user == subject.user => Answer::Good(principal),
        _ if subject.credential == Credential::Bearer => Answer::Bad(Kind::InvalidToken),
        _ => Answer::Bad(Kind::Unauthenticated),
    })
}

async fn by_cookie(app: &App, parts: &Parts, context: &Context) -> Result<Answer, Problem> {
    let Some(handles) = handles(app, &parts.headers) else { return Ok(Answer::NotPresented) };
    for handle in handles {
        if let Some(principal) = app.domain.by_handle(context, &handle).await.map_err(problems::of)? {
            return Ok(Answer::Good(principal));
        }
    }
    Ok(Answer::Bad(Kind::Unauthenticated))
}

/// The handles that we made, if any cookie of their name was presented, and of them the first few: each is
/// a read of the database. A made-up one ends here.
pub(super) fn handles(app: &App, headers: &HeaderMap) -> Option<Vec<Handle>> {
    let values = cookies::values(headers, HANDLE_COOKIE);
    if values.is_empty() {
        return None;
    }
    let ours = values.iter().filter_map(|value| Handle::parse(value, &app.handle_keys));
    Some(ours.take(MOST_HANDLES).collect())
}

async fn by_bearer(app: &App, token: &str, context: &Context) -> Result<Answer, Problem> {
    match app.domain.by_bearer(context, token).await {
        Ok(principal) => Ok(Answer::Good(principal)),
        Err(error) => match problems::of(error) {
            problem
                if matches!(
                    problem.kind(),
                    Kind::InvalidToken | Kind::ExpiredToken | Kind::Unauthenticated
                ) =>
            {
                Ok(Answer::Bad(problem.kind()))
            }
            problem => Err(problem),
        },
    }
}

/// What the Authorization header holds.
#[derive(Debug, PartialEq, Eq)]
enum Presented<'h> {
    Nothing,
    Malformed,
    Token(&'h str),
}

/// The bearer token of a request (RFC 6750 §2.1). A header of another scheme presents nothing to us.
fn bearer_token(headers: &HeaderMap) -> Result<Presented<'_>, Problem> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Ok(Presented::Nothing) };
    if lines.next().is_some() {
        let detail = "There are two Authorization headers.";
        return Err(Problem::new(Kind::AmbiguousCredentials).with_detail(detail));
    }
    let Ok(line) = line.to_str() else { return Ok(Presented::Malformed) };
    // A proxy on the way joins two headers like this (RFC 9110 §5.3), and no token has a comma.
    if line.contains(',') {
        let detail = "There are two Authorization headers in one.";
        return Err(Problem::new(Kind::AmbiguousCredentials).with_detail(detail));
    }
    let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Presented::Nothing);
    }
    let token = token.trim_matches(' ');
    Ok(if token.is_empty() { Presented::Malformed } else { Presented::Token(token) })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token<'h>(headers: &'h mut HeaderMap, lines: &[&'static str]) -> Result<Presented<'h>, Kind> {
        for line in lines {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(line));
        }
        bearer_token(headers).map_err(|problem| problem.kind())
    }

    #[test]
    fn one_header_of_our_scheme_presents_a_token() {
        for (lines, expected) in [
            (&[][..], Presented::Nothing),
            (&["Bearer abc"], Presented::Token("abc")),
            (&["bEARER abc"], Presented::Token("abc")),
            (&["Basic dTpw"], Presented::Nothing),
            (&["Bearer"], Presented::Malformed),
            (&["Bearer "], Presented::Malformed),
        ] {
            assert_eq!(token(&mut HeaderMap::new(), lines), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn two_headers_are_ambiguous_also_when_joined() {
        for lines in [&["Bearer a", "Bearer b"][..], &["Bearer a", "Basic b"], &["Bearer a, Bearer b"]] {
            assert_eq!(token(&mut HeaderMap::new(), lines), Err(Kind::AmbiguousCredentials), "{lines:?}");
        }
    }

    /// Sessions 1 and 2 are good, 0 stands for a bad credential.
    fn answer(session: Option<u8>) -> Answer<u8> {
        match session {
            None => Answer::NotPresented,
            Some(0) => Answer::Bad(Kind::InvalidToken),
            Some(session) => Answer::Good(session),
        }
    }

    #[test]
    fn two_credentials_are_settled_as_the_table_says() {
        let table = [
            (None, None, "nothing"),
            (Some(1), None, "1"),
            (None, Some(1), "1"),
            (Some(1), Some(1), "1"),
            (Some(1), Some(2), "400"),
            (Some(0), Some(2), "2"),
            (Some(0), None, "bad"),
            (None, Some(0), "bad"),
            (Some(0), Some(0), "bad"),
            (Some(1), Some(0), "bad"),
        ];
        for (cookie, bearer, expected) in table {
            let found = match settled(answer(cookie), answer(bearer), u8::eq) {
                Ok(Answer::NotPresented) => "nothing".to_owned(),
                Ok(Answer::Good(session)) => session.to_string(),
                Ok(Answer::Bad(_)) => "bad".to_owned(),
                Err(problem) => problem.status().to_string(),
            };
            assert_eq!(found, expected, "cookie {cookie:?}, bearer {bearer:?}");
        }
    }
}

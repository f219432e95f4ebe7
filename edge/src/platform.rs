//! What the pipeline needs from where it runs: a clock, random bytes, cryptography, and the network.
//! The worker has one implementation, the tests have another. What may hold a credential does not print.

use std::time::Duration;

use shared::{jwt::verify::SignatureCheck, time::Timestamp};

/// Where a request is handled: one value for each request, cheap to clone.
///
/// Its futures need not be `Send`: an isolate has one thread.
#[expect(async_fn_in_trait, reason = "an isolate has one thread, so no bound on the futures is wanted")]
pub trait Platform: SignatureCheck + Clone + 'static {
    /// An answer of an upstream with its body, which is streamed through and never read here.
    type Response;

    /// The present moment. On Workers it moves only with I/O.
    fn now(&self) -> Timestamp;

    /// Random bytes, fit for keys.
    ///
    /// # Errors
    /// [`NoRandomness`] when there are none; the request is then refused.
    fn random<const N: usize>(&self) -> Result<[u8; N], NoRandomness>;

    /// Writes one line of the log.
    fn log(&self, line: &str);

    /// Asks origin something: never cached, never redirected, over after `deadline` at the latest.
    ///
    /// # Errors
    /// [`Unreachable`] when no whole answer came in time.
    async fn call(&self, call: Call, deadline: Duration) -> Result<Reply, Unreachable>;

    /// What another isolate of this location has kept under this name a moment ago, if it can be had at
    /// once. Whoever else can write there may have done so: it is to be authenticated.
    async fn recall(&self, name: &str) -> Option<Vec<u8>>;

    /// Keeps something for the isolates of this location, for so long at least. Nothing depends on it.
    async fn keep(&self, name: &str, content: Vec<u8>, duration: Duration);

    /// Sends the request of this value on, its body streamed, and follows no redirect.
    ///
    /// # Errors
    /// [`Unreachable`] when there was no answer.
    async fn forward(&self, outgoing: Outgoing<'_>) -> Result<Forwarded<Self::Response>, Unreachable>;

    /// The whole body of this request, where a route wants its digest.
    ///
    /// # Errors
    /// [`BodyError`] when it is longer than `limit` bytes or breaks off.
    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError>;

    /// Lets time pass.
    async fn pause(&self, duration: Duration);

    /// Waits for `work`, which is done to its end even when nobody waits any more because the client has gone.
    async fn finish(&self, work: impl Future<Output = ()> + 'static);

    /// Goes on with `work` while the request waits for others, and after the answer has been given.
    fn in_background(&self, work: impl Future<Output = ()> + 'static);
}

/// A call to origin: always a POST of JSON.
pub struct Call {
    /// Where to.
    pub url: String,
    /// The headers, the seal among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body, whose digest is in the seal.
    pub body: Vec<u8>,
}

/// What origin said.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The value of the header that authenticates the body, where there is one.
    pub mac: Option<String>,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// How the present request goes on to an upstream: what is changed of it.
pub struct Outgoing<'h> {
    /// Where to: the upstream's address, the canonical path, the query.
    pub url: String,
    /// Headers that the upstream must not see, by name; done first, for the seal may take the place of one.
    pub remove: Vec<&'h str>,
    /// Headers that take the place of any of the same name.
    pub set: Vec<(&'static str, String)>,
    /// The body, where it had to be read; otherwise it is streamed.
    pub body: Option<Vec<u8>>,
    /// Whether the platform may answer from its cache: on nothing but public routes that ask for it.
    pub cache: bool,
    /// Whether all headers of the answer are wanted, and not only [`READ_OF_ANSWERS`](crate::forward::READ_OF_ANSWERS).
    pub wants_all: bool,
}

/// An upstream's answer.
pub struct Forwarded<R> {
    /// The answer itself.
    pub response: R,
    /// Its status; 101 when a WebSocket was opened.
    pub status: u16,
    /// Those of its headers that are wanted, names in lower case, several `set-cookie` as several.
    pub headers: Vec<(String, String)>,
}

/// How an answer is changed on its way back.
#[derive(Default)]
pub struct Edits {
    /// Headers that the client must not see, by name; done first.
    pub remove: Vec<String>,
    /// Headers that take the place of any of the same name.
    pub set: Vec<(&'static str, String)>,
    /// Headers that are added to those of the same name; done last.
    pub append: Vec<(&'static str, String)>,
}

/// What the client gets.
pub enum Answer<R> {
    /// An answer of the edge itself.
    Own {
        /// The HTTP status.
        status: u16,
        /// All headers.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// An upstream's answer, changed.
    Edited(R, Edits),
    /// An upstream's answer as it is: an open WebSocket would not survive being touched.
    Untouched(R),
}

/// There are no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes")]
pub struct NoRandomness;

/// Nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer")]
pub struct Unreachable;

/// The body cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than is accepted.
    #[error("the body is too long")]
    TooLong,
    /// It broke off.
    #[error("the body broke off")]
    Broken,
}

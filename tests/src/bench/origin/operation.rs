//! What is asked of origin.

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::bench) enum Operation {
    /// An app exchanges its refresh token.
    Refresh,
    /// The edge asks for a new assertion for a browser.
    Renewal,
    /// The edge asks for a strict route whether a session holds.
    Check,
    /// Somebody looks at their devices, through the edge.
    List,
    /// An app logs in.
    Login,
    /// Whether origin is there at all.
    Live,
    /// The edge pulls its state and nothing is new.
    State,
    /// The edge pulls all of its state.
    WholeState,
}

impl Operation {
    /// Those that are measured side by side.
    pub(in crate::bench) const MEASURED: [Self; 5] =
        [Self::Refresh, Self::Renewal, Self::Check, Self::List, Self::Login];

    /// Its name in tables.
    pub(in crate::bench) const fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Renewal => "assertion renewed",
            Self::Check => "strict check",
            Self::List => "device list",
            Self::Login => "login",
            Self::Live => "/health/live",
            Self::State => "edge state, nothing new",
            Self::WholeState => "edge state, all of it",
        }
    }
}

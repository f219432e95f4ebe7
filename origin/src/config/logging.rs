//! What is logged, and how.

use super::reader::Reader;
use crate::telemetry::{self, LogFormat};

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Logging {
    /// Directives as `info,origin=debug`.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
}

impl Logging {
    pub(super) fn read(read: &mut Reader<'_>) -> Self {
        let filter = |text: &str| telemetry::is_filter(text).then(|| text.to_owned());
        let format = |text: &str| match text {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            _ => None,
        };
        let filter = read.parsed("log", filter, "a filter", "give directives as info,origin=debug");
        let format = read.parsed("log_format", format, "a log format", "give json or text");
        Self {
            filter: filter.unwrap_or_else(|| telemetry::DEFAULT_FILTER.to_owned()),
            format: format.unwrap_or(LogFormat::Json),
        }
    }
}

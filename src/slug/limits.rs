//! How large a slug may be (<https://devcenter.heroku.com/articles/slug-compiler>).

/// The largest slug that the platform takes, in bytes.
pub(crate) const LIMIT: u64 = 1_000_000_000;

/// From this size on, in bytes, the platform warns that a boot may take longer.
pub(crate) const SOFT_LIMIT: u64 = 300_000_000;

//! Releases a slug to apps, by the API of the platform.

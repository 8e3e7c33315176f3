//! What is in a slug.

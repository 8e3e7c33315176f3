//! What is in a slug.

mod contents;
mod difference;
mod entries;
mod fault;
mod oddity;
mod report;
mod slug;

pub use crate::slug::inspect::fault::{Damage, InspectFault};
pub use crate::slug::inspect::report::Report;
pub use crate::slug::inspect::slug::{Slug, contents_of};

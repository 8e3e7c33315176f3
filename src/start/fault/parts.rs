//! The sentence of a fault.

use std::borrow::Cow;

/// The sentence of a fault, in parts: where `HOOP_REQUIRED` stops the boot, it means something else for the app.
pub(crate) struct Parts {
    /// What is wrong.
    pub(crate) wrong: String,
    /// What that means for the app, with the mark before it.
    pub(crate) state: Cow<'static, str>,
    /// What to do.
    pub(crate) remedy: String,
}

impl Parts {
    /// Takes the three parts.
    pub(crate) fn new(
        wrong: impl Into<String>,
        state: impl Into<Cow<'static, str>>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            wrong: wrong.into(),
            state: state.into(),
            remedy: remedy.into(),
        }
    }
}

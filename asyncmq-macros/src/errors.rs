//! The mistakes in one use of the macro, collected so that all are reported together.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The mistakes found so far, in the order in which they are to be read.
#[derive(Default)]
pub(crate) struct Errors {
    list: Vec<syn::Error>,
    reported: bool,
}

impl Errors {
    /// Adds a mistake at these tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.list.push(error);
    }

    /// Keeps what succeeded.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Counts the mistakes, to find out whether a step added any.
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// Returns the mistakes as code that does not compile.
    pub(crate) fn report(mut self) -> TokenStream {
        self.reported = true;
        self.list.drain(..).map(syn::Error::into_compile_error).collect()
    }
}

impl Drop for Errors {
    /// A mistake that is never reported would let wrong code compile.
    fn drop(&mut self) {
        assert!(self.reported || std::thread::panicking(), "mistakes were collected and not reported");
    }
}

//! One use of the macro: the keys and the function, checked together.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{LitStr, Path};

use crate::args::Args;
use crate::errors::Errors;
use crate::parameter::{Parameter, Stored};
use crate::signature::{Function, Output, Shape};
use crate::types::Owner;

/// A task: nothing can go wrong with it any more.
pub(crate) struct Model {
    pub(crate) args: Args,
    pub(crate) function: Function,
    pub(crate) shape: Shape,
}

impl Model {
    /// Puts the keys and the function together.
    pub(crate) fn new(args: Args, function: Function, shape: Shape, errors: &mut Errors) -> Self {
        let mut model = Self { args, function, shape };
        model.check_schedule(errors);
        model
    }

    /// A task that runs by itself has nobody to give it arguments.
    fn check_schedule(&mut self, errors: &mut Errors) {
        for name in ["cron", "every"] {
            let Some(key) = self.args.key(name) else { continue };
            let Some(stored) = self.stored().find(|stored| !stored.may_be_absent()) else { return };
            errors.at(
                key,
                format!(
                    "a task with `{name}` runs by itself, and nobody gives it `{0}`: make it an `Option`, or put `#[serde(default)]` before it",
                    stored.ident
                ),
            );
            (self.args.cron, self.args.every) = (None, None);
            return;
        }
    }

    /// Returns the arguments that are stored.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &Stored> {
        self.shape.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Stored(stored) => Some(stored),
            Parameter::Given(_) => None,
        })
    }

    /// Returns the name of the task.
    pub(crate) fn name(&self) -> LitStr {
        let ident = self.function.ident();
        self.args.name.clone().unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()))
    }

    /// Returns where the output is written, or else the name of the function.
    pub(crate) fn output_span(&self) -> Span {
        match &self.shape.output {
            Output::Unit => self.function.ident().span(),
            Output::Result(ty) | Output::Plain(ty) => ty.span(),
        }
    }

    pub(crate) fn names(&self) -> Names<'_> {
        Names::new(&self.args, &self.function)
    }
}

/// How generated code calls things.
pub(crate) struct Names<'a> {
    library: Option<&'a Path>,
    /// The record of the arguments. It is called like the function, and silent for lints about names.
    pub(crate) record: Ident,
    /// The function, as the user wrote its name.
    pub(crate) function: &'a Ident,
}

impl<'a> Names<'a> {
    pub(crate) fn new(args: &'a Args, function: &'a Function) -> Self {
        let ident = function.ident();
        let library = args.library.as_ref();
        Self { library, record: silent(ident), function: ident }
    }

    /// Returns the path of what generated code needs, all of it at one place: an error is shown there.
    pub(crate) fn private(&self, span: Span) -> TokenStream {
        match self.library {
            None => quote_spanned!(span=> ::asyncmq::__private),
            Some(path) => {
                let path = move_to(path.to_token_stream(), span);
                quote_spanned!(span=> #path::__private)
            }
        }
    }

    /// Returns the same for code in which nothing can be wrong.
    pub(crate) fn inner(&self) -> TokenStream {
        self.private(Span::call_site())
    }
}

/// Returns the name of the constant that describes a parameter.
pub(crate) fn slot(place: usize) -> Ident {
    Ident::new(&format!("__ASYNCMQ_{place}"), Span::call_site())
}

/// Returns the same name, which resolves the same, as one that the macro wrote: lints pass over it.
pub(crate) fn silent(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(Span::call_site().located_at(ident.span()));
    ident
}

/// Makes a local variable that no name of the user's can be mistaken for. Use the one that is returned: another of
/// the same name is another variable.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

/// Makes one about which an error is shown at this place.
pub(crate) fn local_at(name: &str, place: Span) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site().located_at(place))
}

/// Makes one local variable for each parameter.
pub(crate) fn locals(model: &Model) -> Vec<Ident> {
    (0..model.shape.parameters.len()).map(|place| local(&format_ident!("arg{place}").to_string())).collect()
}

fn move_to(tokens: TokenStream, span: Span) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    });
    moved.collect()
}

impl Owner for Names<'_> {
    fn string(&self, span: Span) -> TokenStream {
        let private = self.private(span);
        quote_spanned!(span=> #private::primitive::String)
    }

    fn vec(&self, span: Span, elem: TokenStream) -> TokenStream {
        let private = self.private(span);
        quote_spanned!(span=> #private::primitive::Vec<#elem>)
    }

    fn other(&self, span: Span, elem: TokenStream) -> TokenStream {
        let private = self.private(span);
        quote_spanned!(span=> <#elem as #private::Lend>::Owner)
    }
}

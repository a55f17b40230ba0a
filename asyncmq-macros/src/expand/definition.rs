//! What the library knows about the task: constants of the `Task` trait.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::LitStr;
use syn::spanned::Spanned;

use super::options;
use crate::args::Backoff;
use crate::model::{Model, Names, slot};
use crate::parameter::Parameter;
use crate::signature::Output;
use crate::types;

/// The associated constants and the output.
pub(super) fn constants(model: &Model) -> TokenStream {
    let names = model.names();
    let private = names.inner();
    let name = model.name();
    let queue = model.args.queue.clone().unwrap_or_else(|| LitStr::new("default", Span::call_site()));
    // A type that is less public than the task is shown where it is written.
    let (place, output) =
        (Span::call_site().located_at(model.output_span()), output(&model.shape.output, &names));
    let output = quote_spanned!(place=> type Output = #output;);
    let definition = definition(model);
    let probe = probe(&model.shape.output, &names);
    quote! {
        const NAME: &'static #private::primitive::str = #name;
        const QUEUE: &'static #private::primitive::str = #queue;
        #output
        const __DEFINITION: &'static #private::TaskDefinition = {
            #probe
            &#definition
        };
    }
}

/// The type of what a completed job gives.
pub(crate) fn output(output: &Output, names: &Names<'_>) -> TokenStream {
    match output {
        Output::Unit => quote!(()),
        Output::Plain(ty) => types::owned(ty, names),
        Output::Result(ty) => {
            let (span, owned) = (ty.span(), types::owned(ty, names));
            let private = names.private(span);
            quote_spanned!(span=> <#owned as #private::ReturnsResult>::Ok)
        }
    }
}

/// Refuses a `Result` under another name, whose `Err` would count as success.
fn probe(output: &Output, names: &Names<'_>) -> Option<TokenStream> {
    let Output::Plain(ty) = output else { return None };
    if matches!(types::peel(ty), syn::Type::Tuple(tuple) if tuple.elems.is_empty()) {
        return None;
    }
    let (span, owned, private) = (ty.span(), types::owned(ty, names), names.private(ty.span()));
    let inner = names.inner();
    let import = quote!(use #inner::NoResult as _;);
    let message = "this type is a `Result` under another name, and its `Err` would count as success: write `Result<…>` in full";
    Some(quote_spanned! {span=>
        const _: () = {
            #import
            ::core::assert!(!#private::Probe::<#owned>::IS_RESULT, #message)
        };
    })
}

fn definition(model: &Model) -> TokenStream {
    let private = model.names().inner();
    let options = options::options(model);
    let arguments = model.stored().map(|stored| {
        let (name, ty) = (&stored.name, types::text(&stored.ty));
        quote!(#private::ArgumentDefinition { name: #name, type_name: #ty })
    });
    let states = states(model);
    let hears_cancel = model
        .shape
        .parameters
        .iter()
        .any(|parameter| matches!(parameter, Parameter::Given(given) if given.state.is_none()));
    let blocking = model.shape.blocking;
    let (backoff, dedup_key) = (backoff(model), dedup_key(model));
    quote! {
        #private::TaskDefinition {
            name: <Self as #private::Task>::NAME,
            queue: <Self as #private::Task>::QUEUE,
            options: #options,
            arguments: &[#(#arguments),*],
            states: &[#(#states),*],
            hears_cancel: #hears_cancel,
            blocking: #blocking,
            package: #private::package(::core::option_env!("CARGO_PKG_NAME")),
            file: ::core::file!(),
            line: ::core::line!(),
            run: <Self as #private::Task>::__run,
            backoff: #backoff,
            dedup_key: #dedup_key,
        }
    }
}

fn states(model: &Model) -> impl Iterator<Item = TokenStream> {
    model.shape.parameters.iter().enumerate().filter_map(|(place, parameter)| match parameter {
        Parameter::Given(given) => {
            let (state, slot) = (types::text(given.state.as_ref()?), slot(place));
            Some(quote!(#slot.state(#state)))
        }
        Parameter::Stored(_) => None,
    })
}

/// The key of jobs that are described by name: their arguments are read for it.
fn dedup_key(model: &Model) -> TokenStream {
    let private = model.names().inner();
    match &model.args.dedup_key {
        Some(_) => quote!(#private::dedup_key::<Self>()),
        None => quote!(::core::option::Option::None),
    }
}

fn backoff(model: &Model) -> TokenStream {
    match &model.args.backoff {
        Some(Backoff::Function(path)) => {
            let span = path.span();
            let private = model.names().private(span);
            quote_spanned!(span=> #private::backoff(#path))
        }
        _ => quote!(::core::option::Option::None),
    }
}

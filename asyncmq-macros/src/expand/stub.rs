//! The stubs: typed functions that describe a job, also by what other jobs return, and enqueue it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::expand::record;
use crate::model::{Model, Names, silent, slot};
use crate::parameter::{Shape, Stored};
use crate::types;

/// The functions `job`, `with` and `enqueue`.
pub(super) fn stubs(model: &Model) -> TokenStream {
    let names = model.names();
    let (private, record) = (names.inner(), &names.record);
    let parameters: Vec<_> = model.stored().map(parameter).collect();
    let fields = model.stored().map(|stored| silent(&stored.ident));
    let values = model.stored().map(|stored| value(stored, &names));
    let arguments = model.stored().map(|stored| &stored.ident);
    let with = with(model, &names);
    quote! {
        impl #record {
            /// Describes a job of this task. Nothing is sent before it is enqueued.
            pub fn job(#(#parameters),*) -> #private::JobBuilder<#record> {
                #private::JobBuilder::__of(&Self { #(#fields: #values),* })
            }

            #with

            /// Enqueues a job of this task through the default client, once the future is awaited.
            pub fn enqueue(#(#parameters),*) -> #private::Enqueue<#record> {
                Self::job(#(#arguments),*).enqueue()
            }
        }
    }
}

/// The function `with`: each argument is a value, or a node whose job returns one.
fn with(model: &Model, names: &Names<'_>) -> TokenStream {
    let (private, record) = (names.inner(), &names.record);
    let parameters = model.stored().map(|stored| {
        let (ident, ty) = (&stored.ident, record::stored_type(stored, names));
        quote!(#ident: impl #private::Feed<#ty>)
    });
    let arguments = record::places(model).map(|(place, stored)| {
        let (slot, ident) = (slot(place), &stored.ident);
        quote!(.put(&#slot, #ident))
    });
    quote! {
        /// Describes a job of this task, of whose arguments some may be what other jobs return: nodes of a flow.
        pub fn with(#(#parameters),*) -> #private::JobBuilder<#record> {
            #private::FedArguments::default()#(#arguments)*.job()
        }
    }
}

fn parameter(stored: &Stored) -> TokenStream {
    let (ident, ty) = (&stored.ident, &stored.ty);
    let ty = match &stored.shape {
        Shape::Plain => quote!(#ty),
        Shape::Text => quote!(impl ::core::convert::Into<#ty>),
        Shape::Lent(target) => quote!(&#target),
        Shape::MaybeLent(_) => types::elided(ty),
    };
    quote!(#ident: #ty)
}

fn value(stored: &Stored, names: &Names<'_>) -> TokenStream {
    let ident = &stored.ident;
    match &stored.shape {
        Shape::Plain => quote!(#ident),
        Shape::Text => quote!(::core::convert::Into::into(#ident)),
        Shape::Lent(target) => {
            let private = names.private(target.span());
            quote_spanned!(target.span()=> #private::keep::<#target>(#ident))
        }
        Shape::MaybeLent(target) => {
            let private = names.private(target.span());
            quote_spanned!(target.span()=> #private::keep_option::<#target>(#ident))
        }
    }
}

/// The paragraph that is added to the documentation of the function.
pub(super) fn documentation(model: &Model) -> String {
    let name = model.function.ident();
    let arguments: Vec<_> = model.stored().map(|stored| stored.ident.to_string()).collect();
    format!(
        " A task of asyncmq: `{name}::enqueue({0})` enqueues a job, `{name}::job({0})` describes one.",
        arguments.join(", ")
    )
}

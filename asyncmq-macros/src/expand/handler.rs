//! The handler: decodes the arguments, calls the function, and encodes what it returns.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

use crate::model::{Model, local, local_at, locals, silent, slot};
use crate::parameter::{Parameter, Shape};
use crate::signature::Output;
use crate::types;

/// The function `__run`. All that the user's types do happens inside of the future: a panic there is a failed attempt.
pub(super) fn run(model: &Model) -> TokenStream {
    let private = model.names().inner();
    let invocation = local("invocation");
    let (prepare, outcome) = (prepare(model, &invocation), local_at("outcome", model.output_span()));
    let (call, finish) = (call(model), finish(model, &outcome));
    let body = quote! {
        #prepare
        let #outcome = #call;
        #finish
    };
    let handler = if model.shape.blocking {
        quote!(#private::blocking(#invocation, |#invocation| { #body }))
    } else {
        quote!(#private::handler(async move { #body }))
    };
    quote! {
        fn __run(#invocation: #private::Invocation) -> #private::HandlerFuture {
            #handler
        }
    }
}

/// Binds a local variable for each parameter.
fn prepare(model: &Model, invocation: &Ident) -> TokenStream {
    let (private, locals) = (model.names().inner(), locals(model));
    let parameters = || model.shape.parameters.iter().zip(&locals).enumerate();
    let fields = parameters().filter_map(|(_, (parameter, local))| match parameter {
        Parameter::Stored(stored) => {
            let field = silent(&stored.ident);
            Some(quote!(#field: #local))
        }
        Parameter::Given(_) => None,
    });
    let given = parameters().filter_map(|(place, (parameter, local))| match parameter {
        Parameter::Given(given) => {
            let span = given.ty.span();
            let slot = slot(place);
            Some(quote_spanned!(span=> let #local = #slot.take(&#invocation.context)?;))
        }
        Parameter::Stored(_) => None,
    });
    quote! {
        let Self { #(#fields),* } = <Self as #private::Task>::__decode(#invocation.args())?;
        #(#given)*
    }
}

fn call(model: &Model) -> TokenStream {
    let (names, locals) = (model.names(), locals(model));
    let inner = names.inner();
    let arguments = model.shape.parameters.iter().zip(&locals).map(|(parameter, local)| match parameter {
        Parameter::Given(given) if given.by_reference => quote!(&#local),
        Parameter::Given(_) => quote!(#local),
        Parameter::Stored(stored) => match &stored.shape {
            Shape::Plain | Shape::Text => quote!(#local),
            Shape::Lent(target) => {
                let target = types::anonymous(target);
                quote!(#inner::lend::<#target>(&#local))
            }
            Shape::MaybeLent(target) => {
                let target = types::anonymous(target);
                quote!(#inner::lend_option::<#target>(&#local))
            }
        },
    });
    let (function, span) = (names.function, names.function.span());
    let call = quote_spanned!(span=> #function(#(#arguments),*));
    if model.shape.blocking {
        return call;
    }
    let private = names.private(span);
    quote_spanned!(span=> #private::future(#call).await)
}

/// Turns what the function returned into JSON, or into the reason of a failed attempt.
fn finish(model: &Model, outcome: &Ident) -> TokenStream {
    let names = model.names();
    let inner = names.inner();
    let (Output::Result(ty) | Output::Plain(ty)) = &model.shape.output else {
        return quote!(#inner::encode(&#outcome));
    };
    // All that an error can be about is of one origin: spans of two cannot be joined, and would become the attribute's.
    let (span, own) = (ty.span(), outcome.span());
    let encode = |value: &Ident| {
        let private = names.private(own);
        quote_spanned!(own=> #private::encode(&#value))
    };
    if matches!(model.shape.output, Output::Plain(_)) {
        return encode(outcome);
    }
    let (value, error) = (local_at("value", span), local_at("error", span));
    let (ty, private) = (types::anonymous(ty), names.private(span));
    let encode = encode(&value);
    let convert = quote_spanned!(own=> (&#error).failure().convert(#error));
    let result = quote_spanned!(span=> <#ty as #private::ReturnsResult>::result(#outcome));
    quote! {
        match #result {
            ::core::result::Result::Ok(#value) => #encode,
            ::core::result::Result::Err(#error) => {
                use #inner::{FailsByInto as _, FailsByText as _, FailsNohow as _};
                ::core::result::Result::Err(#convert)
            }
        }
    }
}

//! What stands in for a task whose signature is wrong, so that one mistake is one message: calls of the function and
//! of its stubs elsewhere go on to compile.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, GenericParam};

use crate::args::Args;
use crate::errors::Errors;
use crate::expand;
use crate::model::Names;
use crate::signature::{Function, Output};

/// Writes the function, and a type of its name that can be named, enqueued and awaited.
pub(crate) fn expand(args: &Args, function: &Function) -> TokenStream {
    let tokens = function.tokens(None);
    if function.is_method() {
        // Nothing else may stand in an `impl`.
        return tokens;
    }
    let names = Names::new(args, function);
    let (private, record, visibility) = (names.inner(), &names.record, &function.visibility);
    let conditions: Vec<_> = function.conditions().collect();
    let output = output(function, &names);
    let stubs = stubs(function, &names);
    quote! {
        #(#conditions)*
        #[allow(dead_code, unused_variables)]
        #tokens

        #(#conditions)*
        #[doc(hidden)]
        #visibility struct #record {}

        #(#conditions)*
        #[allow(dead_code, unused_variables, clippy::too_many_arguments)]
        const _: () = {
            #stubs

            impl #private::Task for #record {
                const NAME: &'static #private::primitive::str = "";
                const QUEUE: &'static #private::primitive::str = "";
                type Output = #output;
                const __DEFINITION: &'static #private::TaskDefinition = ::core::unreachable!();

                fn __encode(&self) -> ::core::result::Result<#private::Bytes, #private::primitive::String> {
                    ::core::unreachable!()
                }

                fn __decode(_: &[#private::primitive::u8]) -> ::core::result::Result<Self, #private::TaskError> {
                    ::core::unreachable!()
                }

                fn __run(_: #private::Invocation) -> #private::HandlerFuture {
                    ::core::unreachable!()
                }
            }
        };
    }
}

/// The stubs, which take as many arguments as the function, of whatever types.
fn stubs(function: &Function, names: &Names<'_>) -> TokenStream {
    let (private, record) = (names.inner(), &names.record);
    let parameters = (0..given_by_the_caller(function)).map(|place| {
        let name = format_ident!("__arg{place}");
        quote!(#name: impl ::core::marker::Sized)
    });
    let parameters: Vec<_> = parameters.collect();
    quote! {
        impl #record {
            pub fn job(#(#parameters),*) -> #private::JobBuilder<#record> {
                ::core::unreachable!()
            }

            pub fn with(#(#parameters),*) -> #private::JobBuilder<#record> {
                ::core::unreachable!()
            }

            pub fn enqueue(#(#parameters),*) -> #private::Enqueue<#record> {
                ::core::unreachable!()
            }
        }
    }
}

/// The real output, unless that is what is wrong, or names what only the function knows.
fn output(function: &Function, names: &Names<'_>) -> TokenStream {
    let generic = |generic: &GenericParam| !matches!(generic, GenericParam::Lifetime(_));
    if function.signature.generics.params.iter().any(generic) {
        return quote!(());
    }
    let mut errors = Errors::default();
    let output = function.output(&mut errors);
    // They were reported when the signature was read.
    let wrong = errors.count() != 0;
    drop(errors.report());
    expand::output(if wrong { &Output::Unit } else { &output }, names)
}

/// Counts the parameters that a stub has.
fn given_by_the_caller(function: &Function) -> usize {
    let stored =
        |input: &&FnArg| matches!(input, FnArg::Typed(typed) if !crate::parameter::is_given(&typed.ty));
    function.signature.inputs.iter().filter(stored).count()
}

//! Puts the generated items together. Everything in them is named through the library's `__private`.

mod definition;
mod handler;
mod options;
mod record;
mod stub;

pub(crate) use definition::output;

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::Model;

/// Writes the function and what makes it a task.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let names = model.names();
    let (private, record) = (names.inner(), &names.record);
    let conditions: Vec<_> = model.function.conditions().collect();
    let function = model.function.tokens(model.function.is_documented().then(|| stub::documentation(model)));
    let structure = record::structure(model);
    let slots = record::slots(model);
    let stubs = stub::stubs(model);
    let constants = definition::constants(model);
    let codec = record::codec(model);
    let run = handler::run(model);
    let keys = record::keys(model);
    quote! {
        #function

        #(#conditions)*
        #structure

        #(#conditions)*
        #[allow(deprecated, clippy::too_many_arguments)]
        const _: () = {
            #slots

            #stubs

            impl #private::Task for #record {
                #constants
                #codec
                #run
                #keys
            }

            #private::inventory::submit! {
                #private::Registered(<#record as #private::Task>::__DEFINITION)
            }
        };
    }
}

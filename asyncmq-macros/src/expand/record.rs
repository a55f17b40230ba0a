//! The record of the arguments, and how it is stored.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use crate::model::{Model, Names, local, silent, slot};
use crate::parameter::{Absent, Parameter, Shape, Stored};
use crate::types;

/// The struct with one field for each stored argument.
pub(super) fn structure(model: &Model) -> TokenStream {
    let names = model.names();
    let (visibility, record) = (&model.function.visibility, &names.record);
    let fields = model.stored().map(|stored| {
        let (field, ty) = (silent(&stored.ident), stored_type(stored, &names));
        quote!(pub #field: #ty)
    });
    quote! {
        #[doc(hidden)]
        #visibility struct #record {
            #(#fields,)*
        }
    }
}

/// Returns the type of an argument as it is stored.
pub(super) fn stored_type(stored: &Stored, names: &Names<'_>) -> TokenStream {
    match &stored.shape {
        Shape::Plain | Shape::Text => stored.ty.to_token_stream(),
        Shape::Lent(target) => types::owner_of(target, stored.ty.span(), names),
        Shape::MaybeLent(_) => types::owned(&stored.ty, names),
    }
}

/// The constants that describe the parameters: nothing else asks their types for anything.
pub(super) fn slots(model: &Model) -> TokenStream {
    let names = model.names();
    let slots = model.shape.parameters.iter().enumerate().map(|(place, parameter)| match parameter {
        Parameter::Stored(stored) => stored_slot(place, stored, &names),
        Parameter::Given(given) => {
            let ty = types::lasting(&given.ty);
            let span = given.ty.span();
            let (private, slot) = (names.private(span), slot(place));
            quote_spanned!(span=> const #slot: #private::Gift<#ty> = #private::Gift::<#ty>::of();)
        }
    });
    slots.collect()
}

fn stored_slot(place: usize, stored: &Stored, names: &Names<'_>) -> TokenStream {
    let (span, name, ty) = (stored.ty.span(), &stored.name, stored_type(stored, names));
    let (private, slot) = (names.private(span), slot(place));
    let aliases = &stored.aliases;
    let aliases = (!aliases.is_empty()).then(|| quote!(.aliases(&[#(#aliases),*])));
    let default = stored.default.as_ref().map(|default| match default {
        Absent::Default(span) => quote_spanned!(*span=> .default(<#ty as ::core::default::Default>::default)),
        Absent::Function(path) => quote!(.default(#path)),
    });
    quote_spanned!(span=> const #slot: #private::Slot<#ty> = #private::Slot::<#ty>::new(#name) #aliases #default;)
}

/// Writes the record, and reads it.
pub(super) fn codec(model: &Model) -> TokenStream {
    let private = model.names().inner();
    let (out, json, stored_arguments, record) =
        (local("out"), local("json"), local("stored"), local("record"));
    let arguments: Vec<_> = places(model).collect();
    let count = arguments.len();
    let fields: Vec<_> = arguments.iter().map(|(_, stored)| silent(&stored.ident)).collect();
    let slots: Vec<_> = arguments.iter().map(|(place, _)| slot(*place)).collect();
    let numbers = 0..count;
    let mutable = (0 < count).then(|| quote!(mut));
    quote! {
        fn __encode(&self) -> ::core::result::Result<#private::Bytes, #private::primitive::String> {
            let #mutable #out = #private::primitive::Vec::new();
            #(#slots.write(&self.#fields, &mut #out)?;)*
            ::core::result::Result::Ok(#private::finish(#out))
        }

        fn __decode(#json: &[#private::primitive::u8]) -> ::core::result::Result<Self, #private::TaskError> {
            let #mutable #stored_arguments = #private::Stored::of(#json)?;
            let #record = Self { #(#fields: #slots.take(&mut #stored_arguments, #numbers)?,)* };
            #stored_arguments.end(#count)?;
            ::core::result::Result::Ok(#record)
        }
    }
}

pub(super) fn places(model: &Model) -> impl Iterator<Item = (usize, &Stored)> {
    let parameters = model.shape.parameters.iter().enumerate();
    parameters.filter_map(|(place, parameter)| match parameter {
        Parameter::Stored(stored) => Some((place, stored)),
        Parameter::Given(_) => None,
    })
}

/// The keys of limits and of deduplication.
pub(super) fn keys(model: &Model) -> TokenStream {
    let methods = [("__key", &model.args.key), ("__dedup_key", &model.args.dedup_key)];
    let methods = methods.into_iter().filter_map(|(method, expr)| Some(key(model, method, expr.as_ref()?)));
    methods.collect()
}

/// The expression sees the arguments as references to what is stored.
fn key(model: &Model, method: &str, expr: &Expr) -> TokenStream {
    let (names, span) = (model.names(), expr.span());
    let (inner, private) = (names.inner(), names.private(span));
    let method = syn::Ident::new(method, Span::call_site());
    let fields: Vec<_> = model.stored().map(|stored| &stored.ident).collect();
    let bind = (!fields.is_empty()).then(|| {
        quote! {
            let Self { #(#fields),* } = self;
            let _ = (#(#fields,)*);
        }
    });
    let keyed = quote_spanned!(span=> #private::keyed(&(#expr)));
    quote! {
        fn #method(&self) -> ::core::option::Option<#inner::primitive::String> {
            #bind
            #keyed
        }
    }
}

//! The function under `#[task]`: its attributes and signature are read, its body is passed on as tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, GenericParam, Ident, ReturnType, Safety, Signature, Type, Visibility};

use crate::errors::Errors;
use crate::parameter::{self, Parameter};
use crate::types;

/// A function as it is written.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The body, half-typed as it may be.
    pub(crate) body: TokenStream,
    /// The `serde` attributes of each parameter, which are no attributes to rustc.
    serde: Vec<Vec<Attribute>>,
}

/// What a function is as a task.
pub(crate) struct Shape {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Output,
    pub(crate) blocking: bool,
}

/// What a function returns.
pub(crate) enum Output {
    /// Nothing is written.
    Unit,
    /// A type called `Result`.
    Result(Type),
    /// Any other type.
    Plain(Type),
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let mut signature: Signature = input.parse()?;
        let serde = signature.inputs.iter_mut().map(|input| match input {
            FnArg::Typed(parameter) => parameter::take_serde(&mut parameter.attrs),
            FnArg::Receiver(_) => Vec::new(),
        });
        let serde = serde.collect();
        Ok(Self { attributes, visibility, signature, body: input.parse()?, serde })
    }
}

impl Function {
    pub(crate) fn ident(&self) -> &Ident {
        &self.signature.ident
    }

    /// Returns the attributes that decide whether the function is there at all.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
    }

    /// Tells whether the function stands in an `impl` or `trait`, as far as can be seen.
    pub(crate) fn is_method(&self) -> bool {
        self.signature.receiver().is_some()
    }

    /// Reads what the function is as a task; nothing if that cannot be told.
    pub(crate) fn shape(&self, errors: &mut Errors) -> Option<Shape> {
        let before = errors.count();
        self.refuse_kinds(errors);
        let mut parameters = Vec::new();
        for (input, serde) in self.signature.inputs.iter().zip(&self.serde) {
            let FnArg::Typed(typed) = input else { continue };
            if let Some(condition) = typed.attrs.iter().find(|attribute| attribute.path().is_ident("cfg")) {
                errors.at(
                    condition,
                    "a parameter of a task cannot be conditional: put `#[cfg]` on two functions",
                );
            }
            parameters.extend(Parameter::read(typed, serde, errors));
        }
        refuse_same_names(&parameters, errors);
        let output = self.output(errors);
        let blocking = self.signature.asyncness.is_none();
        let shape = Shape { parameters, output, blocking };
        (errors.count() == before).then_some(shape)
    }

    fn refuse_kinds(&self, errors: &mut Errors) {
        let signature = &self.signature;
        if let Some(receiver) = signature.receiver() {
            errors.at(
                receiver,
                "a task is a function, not a method: take what it needs as arguments or as `State<…>`",
            );
        }
        if let Some(generic) =
            signature.generics.params.iter().find(|generic| !matches!(generic, GenericParam::Lifetime(_)))
        {
            let kind = if matches!(generic, GenericParam::Const(_)) { "a constant" } else { "a type" };
            errors.at(
                generic,
                format!("a task is one function: it cannot be generic over {kind}; write a task for each"),
            );
        }
        if let Safety::Unsafe(token) = &signature.safety {
            errors.at(token, "a task cannot be `unsafe`: put the `unsafe` block inside of it");
        }
        if let Some(abi) = &signature.abi {
            errors.at(abi, "a task cannot be `extern`: call the function from a task");
        }
        if let Some(variadic) = &signature.variadic {
            errors.at(variadic, "a task has a fixed number of arguments: take a `Vec<…>`");
        }
        if !has_body(&self.body) {
            errors.at(&signature.ident, "a task needs a body");
        }
    }

    /// Reads what the function returns.
    pub(crate) fn output(&self, errors: &mut Errors) -> Output {
        let ReturnType::Type(_, ty) = &self.signature.output else { return Output::Unit };
        let segment = types::last_segment(ty).map(|segment| segment.ident.to_string());
        let message = match (types::peel(ty), segment.as_deref()) {
            (Type::Never(_), _) => "a task ends: return `()` or a `Result`",
            (Type::ImplTrait(_), _) if self.signature.asyncness.is_some() => {
                "what a task returns is stored, so its type must be known: write it in place of `impl …`"
            }
            (Type::ImplTrait(_), _) | (_, Some("Pin" | "BoxFuture" | "LocalBoxFuture"))
                if self.signature.asyncness.is_none() =>
            {
                "a task is an `async fn` or a plain `fn`, not one that returns a future: if another attribute made it so, put `#[task]` above that one"
            }
            (_, Some("Result")) => return Output::Result((**ty).clone()),
            _ => return Output::Plain((**ty).clone()),
        };
        errors.at(ty, message);
        Output::Unit
    }

    /// The function itself, as rustc is to see it.
    pub(crate) fn tokens(&self, documentation: Option<String>) -> TokenStream {
        let Self { attributes, visibility, signature, body, .. } = self;
        let documentation = documentation.map(|text| quote!(#[doc = ""] #[doc = #text]));
        let body = if has_body(body) { body.clone() } else { quote!({ ::core::unreachable!() }) };
        quote!(#(#attributes)* #documentation #visibility #signature #body)
    }

    /// Tells whether the function says what it is for.
    pub(crate) fn is_documented(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.path().is_ident("doc"))
    }
}

fn has_body(body: &TokenStream) -> bool {
    body.to_token_stream().into_iter().next().is_some_and(|token| token.to_string() != ";")
}

/// Refuses two arguments under one key of the stored object.
fn refuse_same_names(parameters: &[Parameter], errors: &mut Errors) {
    let mut names: Vec<(String, Span)> = Vec::new();
    for parameter in parameters {
        let Parameter::Stored(stored) = parameter else { continue };
        let aliases = stored.aliases.iter().map(|alias| (alias.value(), alias.span()));
        for (name, span) in std::iter::once((stored.name.clone(), stored.ident.span())).chain(aliases) {
            if names.iter().any(|(known, _)| *known == name) {
                errors.push(syn::Error::new(
                    span,
                    format!("two arguments are stored as {name:?}: rename one of them"),
                ));
            }
            names.push((name, span));
        }
    }
}

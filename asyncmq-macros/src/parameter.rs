//! The parameters of a task: those that are stored with the job, and those that the worker gives.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::{
    Attribute, ExprPath, GenericArgument, Ident, LitStr, Meta, Pat, PatType, PathArguments, Type, TypePath,
};

use crate::errors::Errors;
use crate::types::{self, Borrow, Owner};

/// One parameter.
pub(crate) enum Parameter {
    Given(Given),
    Stored(Stored),
}

/// One that the worker gives.
pub(crate) struct Given {
    /// Its type without the `&`.
    pub(crate) ty: Type,
    pub(crate) by_reference: bool,
    /// The type of the value, if it is a state.
    pub(crate) state: Option<Type>,
}

/// One that is stored with the job.
pub(crate) struct Stored {
    pub(crate) ident: Ident,
    /// Its type as it is written.
    pub(crate) ty: Type,
    pub(crate) shape: Shape,
    /// Its key in the stored arguments.
    pub(crate) name: String,
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) default: Option<Absent>,
}

/// How a parameter is stored and handed over.
pub(crate) enum Shape {
    /// As it is.
    Plain,
    /// A `String`, which the stub takes as `impl Into<String>`.
    Text,
    /// `&T`
    Lent(Type),
    /// `Option<&T>`
    MaybeLent(Type),
}

/// What a parameter is when nobody gave it.
pub(crate) enum Absent {
    /// `#[serde(default)]`
    Default(Span),
    /// `#[serde(default = "path")]`
    Function(ExprPath),
}

impl Parameter {
    /// Looks at a parameter, whose `serde` attributes were taken off.
    pub(crate) fn read(parameter: &PatType, serde: &[Attribute], errors: &mut Errors) -> Option<Self> {
        if let Some(given) = Given::read(&parameter.ty) {
            if let Some(attribute) = serde.first() {
                errors.at(
                    attribute,
                    "the worker gives this parameter: it is not stored, so there is nothing to say to serde",
                );
            }
            return Some(Self::Given(given));
        }
        Stored::read(parameter, serde, errors).map(Self::Stored)
    }
}

/// Tells whether the worker gives a parameter of this type.
pub(crate) fn is_given(ty: &Type) -> bool {
    Given::read(ty).is_some()
}

impl Given {
    /// Knows what a worker gives by its name.
    fn read(ty: &Type) -> Option<Self> {
        let (inner, by_reference) = match types::peel(ty) {
            Type::Reference(reference) if reference.mutability.is_none() => {
                (types::peel(&reference.elem), true)
            }
            other => (other, false),
        };
        let segment = types::last_segment(inner)?;
        let state = match segment.ident.to_string().as_str() {
            "Context" if segment.arguments.is_none() => None,
            "State" => Some(types::only_argument(segment)?.clone()),
            _ => return None,
        };
        Some(Self { ty: inner.clone(), by_reference, state })
    }
}

impl Stored {
    fn read(parameter: &PatType, serde: &[Attribute], errors: &mut Errors) -> Option<Self> {
        let before = errors.count();
        let ident = name(&parameter.pat, errors);
        let shape = Shape::read(&parameter.ty, errors);
        let ident = ident.unwrap_or_else(|| Ident::new("_unnamed", Span::call_site()));
        let mut stored = Self {
            name: ident.unraw().to_string(),
            ident,
            ty: (*parameter.ty).clone(),
            shape: shape.unwrap_or(Shape::Plain),
            aliases: Vec::new(),
            default: None,
        };
        for attribute in serde {
            errors.take(stored.read_serde(attribute));
        }
        (errors.count() == before).then_some(stored)
    }

    /// Tells whether a job without this argument can run.
    pub(crate) fn may_be_absent(&self) -> bool {
        let optional = types::last_segment(&self.ty).is_some_and(|segment| segment.ident == "Option");
        self.default.is_some() || optional
    }

    fn read_serde(&mut self, attribute: &Attribute) -> syn::Result<()> {
        let Meta::List(list) = &attribute.meta else {
            return Err(syn::Error::new_spanned(attribute, "write `#[serde(default)]`"));
        };
        list.parse_nested_meta(|meta| {
            if meta.path.is_ident("default") {
                self.default = Some(if meta.input.peek(syn::Token![=]) {
                    Absent::Function(meta.value()?.parse::<LitStr>()?.parse()?)
                } else {
                    Absent::Default(meta.path.segments[0].ident.span())
                });
            } else if meta.path.is_ident("rename") {
                self.name = key(&meta.value()?.parse()?)?;
            } else if meta.path.is_ident("alias") {
                let alias: LitStr = meta.value()?.parse()?;
                key(&alias)?;
                self.aliases.push(alias);
            } else {
                return Err(meta.error(
                    "a parameter takes `default`, `rename` and `alias` of serde; put the rest on a type of your own",
                ));
            }
            Ok(())
        })
    }
}

/// Reads a key of the stored arguments.
fn key(text: &LitStr) -> syn::Result<String> {
    let key = text.value();
    if key.is_empty() || key.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(syn::Error::new(
            text.span(),
            "the name of an argument must not be empty or begin with a digit: a number is an argument's place",
        ));
    }
    Ok(key)
}

fn name(pattern: &Pat, errors: &mut Errors) -> Option<Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Some(name.ident.clone()),
        _ => {
            errors.at(
                pattern,
                "an argument is stored under its name: write a plain name, and take it apart in the function",
            );
            None
        }
    }
}

impl Shape {
    fn read(ty: &Type, errors: &mut Errors) -> Option<Self> {
        match types::peel(ty) {
            Type::Reference(reference) => lent(ty, reference, errors).map(Self::Lent),
            _ if types::is_string(ty) => Some(Self::Text),
            _ => match types::last_segment(ty)
                .filter(|segment| segment.ident == "Option")
                .and_then(types::only_argument)
                .map(types::peel)
            {
                Some(inner @ Type::Reference(reference)) => {
                    lent(inner, reference, errors).map(Self::MaybeLent)
                }
                _ => owned(ty, ty, errors).then_some(Self::Plain),
            },
        }
    }
}

fn lent(ty: &Type, reference: &syn::TypeReference, errors: &mut Errors) -> Option<Type> {
    if reference.mutability.is_some() {
        let elem = types::text(&reference.elem);
        errors.at(
            ty,
            format!("an argument comes out of the store: take it by value and write `mut name: {elem}`"),
        );
        return None;
    }
    if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") {
        errors.at(ty, format!("an argument does not live for ever: write {}", suggestion(ty)));
        return None;
    }
    owned(&reference.elem, ty, errors).then(|| (*reference.elem).clone())
}

/// Refuses a type that has a part which borrows.
fn owned(part: &Type, ty: &Type, errors: &mut Errors) -> bool {
    let Some(borrow) = types::find_borrow(part) else { return true };
    let message = match borrow {
        Borrow::Reference | Borrow::MutableReference | Borrow::Lifetime => {
            format!("an argument is stored, so what is inside of it cannot borrow: write {}", suggestion(ty))
        }
        Borrow::Dyn => "an argument is stored, so its type must be known: write a type of your own in place of `dyn`".to_owned(),
        Borrow::Impl => match types::text(ty).as_str() {
            "impl Into<String>" | "impl ToString" | "impl AsRef<str>" => {
                "an argument is stored, so its type must be known: write `String` (the stub takes `impl Into<String>`)".to_owned()
            }
            _ => "an argument is stored, so its type must be known: write that in place of `impl`".to_owned(),
        },
    };
    errors.at(ty, message);
    false
}

/// Writes the owned type that is meant.
fn suggestion(ty: &Type) -> String {
    let text = types::text(&types::owned(ty, &Plainly));
    if text.contains('\'') {
        "a type that owns its data, such as `String`".to_owned()
    } else {
        format!("`{text}`")
    }
}

/// The owners as people write them.
struct Plainly;

impl Owner for Plainly {
    fn string(&self, _: Span) -> TokenStream {
        quote!(String)
    }

    fn vec(&self, _: Span, elem: TokenStream) -> TokenStream {
        quote!(Vec<#elem>)
    }

    fn other(&self, _: Span, elem: TokenStream) -> TokenStream {
        match elem.to_string().as_str() {
            "Path" => quote!(PathBuf),
            _ => elem,
        }
    }

    /// `Cow` is there to borrow, so its owner needs none.
    fn path(&self, path: &TypePath) -> Option<TokenStream> {
        let segment = path.path.segments.last().filter(|segment| segment.ident == "Cow")?;
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
        match arguments.args.last()? {
            GenericArgument::Type(target) => Some(types::owner_of(target, Span::call_site(), self)),
            _ => None,
        }
    }
}

/// Takes the `serde` attributes off a parameter.
pub(crate) fn take_serde(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    let (serde, rest) =
        std::mem::take(attributes).into_iter().partition(|attribute| attribute.path().is_ident("serde"));
    *attributes = rest;
    serde
}

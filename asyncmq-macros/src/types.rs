//! What can be told of a type by looking at it: what it borrows, what owns the same, how it reads.

use proc_macro2::{Delimiter, Group, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{GenericArgument, Lifetime, PathArguments, PathSegment, Type, TypePath};

/// Looks through parentheses and the invisible brackets that `macro_rules` puts around what it was given.
pub(crate) fn peel(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}

/// Returns the last segment of a type that is a path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(TypePath { path, .. }) => path.segments.last(),
        _ => None,
    }
}

/// Returns the only generic argument of a segment, if it has one and that is a type.
pub(crate) fn only_argument(segment: &PathSegment) -> Option<&Type> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => match &arguments.args[0] {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        },
        _ => None,
    }
}

/// Tells whether a type is `String`, as far as its name says.
pub(crate) fn is_string(ty: &Type) -> bool {
    let Type::Path(TypePath { qself: None, path, .. }) = peel(ty) else { return false };
    let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let plain = path.segments.iter().all(|segment| segment.arguments.is_none());
    plain
        && matches!(
            names.iter().map(String::as_str).collect::<Vec<_>>()[..],
            ["String"] | ["std" | "alloc", "string", "String"]
        )
}

fn is_str(ty: &Type) -> bool {
    matches!(peel(ty), Type::Path(TypePath { qself: None, path, .. }) if path.is_ident("str"))
}

/// Why a type cannot be stored as it stands.
pub(crate) enum Borrow {
    Reference,
    MutableReference,
    Lifetime,
    Dyn,
    Impl,
}

/// Returns the first thing in a type that cannot be stored.
pub(crate) fn find_borrow(ty: &Type) -> Option<Borrow> {
    match ty {
        Type::Reference(reference) if reference.mutability.is_some() => Some(Borrow::MutableReference),
        Type::Reference(_) => Some(Borrow::Reference),
        Type::TraitObject(_) => Some(Borrow::Dyn),
        Type::ImplTrait(_) => Some(Borrow::Impl),
        Type::Group(group) => find_borrow(&group.elem),
        Type::Paren(paren) => find_borrow(&paren.elem),
        Type::Array(array) => find_borrow(&array.elem),
        Type::Slice(slice) => find_borrow(&slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(find_borrow),
        Type::Path(path) => path.path.segments.iter().find_map(|segment| match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => {
                arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::Lifetime(_) => Some(Borrow::Lifetime),
                    GenericArgument::Type(ty) => find_borrow(ty),
                    _ => None,
                })
            }
            _ => None,
        }),
        _ => None,
    }
}

/// How the owner of what a reference points to is called.
pub(crate) trait Owner {
    /// The owner of a `str`.
    fn string(&self, span: Span) -> TokenStream;
    /// The owner of a slice.
    fn vec(&self, span: Span, elem: TokenStream) -> TokenStream;
    /// The owner of anything else.
    fn other(&self, span: Span, elem: TokenStream) -> TokenStream;
    /// The owner of a path that borrows, if it is not the same path with `'static`.
    fn path(&self, _: &TypePath) -> Option<TokenStream> {
        None
    }
}

/// Returns the type that owns what the given one borrows: each `&T` becomes its owner, each lifetime `'static`.
pub(crate) fn owned(ty: &Type, owner: &impl Owner) -> TokenStream {
    match ty {
        Type::Reference(reference) => owner_of(&reference.elem, reference.and_token.span(), owner),
        Type::Group(group) => owned(&group.elem, owner),
        Type::Paren(paren) => owned(&paren.elem, owner),
        Type::Array(array) => {
            let (elem, len) = (owned(&array.elem, owner), &array.len);
            quote!([#elem; #len])
        }
        Type::Slice(slice) => {
            let elem = owned(&slice.elem, owner);
            quote!([#elem])
        }
        Type::Tuple(tuple) => {
            let elems = tuple.elems.iter().map(|elem| owned(elem, owner));
            quote!((#(#elems,)*))
        }
        Type::Path(path) => owner.path(path).unwrap_or_else(|| owned_path(path, owner)),
        other => other.to_token_stream(),
    }
}

/// Returns the owner of what a reference points to.
pub(crate) fn owner_of(target: &Type, span: Span, owner: &impl Owner) -> TokenStream {
    match peel(target) {
        target if is_str(target) => owner.string(span),
        Type::Slice(slice) => owner.vec(span, owned(&slice.elem, owner)),
        target => owner.other(span, owned(target, owner)),
    }
}

fn owned_path(path: &TypePath, owner: &impl Owner) -> TokenStream {
    let mut path = path.clone();
    for segment in &mut path.path.segments {
        let PathArguments::AngleBracketed(arguments) = &mut segment.arguments else { continue };
        for argument in &mut arguments.args {
            match argument {
                GenericArgument::Lifetime(lifetime) => {
                    *lifetime = Lifetime::new("'static", lifetime.span());
                }
                GenericArgument::Type(ty) => *ty = Type::Verbatim(owned(ty, owner)),
                _ => {}
            }
        }
    }
    path.into_token_stream()
}

/// Returns a type with `'static` in place of every lifetime, for constants.
pub(crate) fn lasting(ty: &Type) -> TokenStream {
    with_lifetime(ty.to_token_stream(), "static")
}

/// Returns a type with `'_` in place of every lifetime, for expressions.
pub(crate) fn anonymous(ty: &Type) -> TokenStream {
    with_lifetime(ty.to_token_stream(), "_")
}

fn with_lifetime(tokens: TokenStream, lifetime: &str) -> TokenStream {
    let mut after_quote = false;
    let tokens = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) => {
            let mut renamed = Group::new(group.delimiter(), with_lifetime(group.stream(), lifetime));
            renamed.set_span(group.span());
            TokenTree::Group(renamed)
        }
        TokenTree::Ident(name) if std::mem::take(&mut after_quote) => {
            TokenTree::Ident(proc_macro2::Ident::new(lifetime, name.span()))
        }
        token => {
            after_quote = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
            token
        }
    });
    tokens.collect()
}

/// Returns the type without its named lifetimes, as the parameter of a stub has it.
pub(crate) fn elided(ty: &Type) -> TokenStream {
    let Type::Reference(reference) = peel(ty) else { return ty.to_token_stream() };
    let (and, elem) = (reference.and_token, &reference.elem);
    quote!(#and #elem)
}

/// Writes a type as people write it.
pub(crate) fn text(ty: &impl ToTokens) -> String {
    let mut text = String::new();
    write(ty.to_token_stream(), &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    let mut glued = true;
    for token in tokens {
        match token {
            TokenTree::Punct(punct) => {
                let spaced = matches!(punct.as_char(), '+' | '=')
                    || (punct.as_char() == '-' && punct.spacing() == Spacing::Joint);
                if spaced {
                    text.push(' ');
                }
                text.push(punct.as_char());
                if matches!(punct.as_char(), ',' | ';' | '+' | '=') || text.ends_with("->") {
                    text.push(' ');
                }
                glued = true;
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                if !glued && open == "[" {
                    text.push(' ');
                }
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
                glued = false;
            }
            word => {
                if !glued {
                    text.push(' ');
                }
                text.push_str(&word.to_string());
                glued = false;
            }
        }
    }
    text.truncate(text.trim_end().len());
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Short;

    impl Owner for Short {
        fn string(&self, _: Span) -> TokenStream {
            quote!(String)
        }

        fn vec(&self, _: Span, elem: TokenStream) -> TokenStream {
            quote!(Vec<#elem>)
        }

        fn other(&self, _: Span, elem: TokenStream) -> TokenStream {
            quote!(Owned<#elem>)
        }
    }

    #[test]
    fn types_read_as_they_are_written() {
        for written in [
            "Vec<Option<u8>>",
            "&str",
            "&'a [u8]",
            "[u8; 4]",
            "(String, &mut u8)",
            "std::collections::HashMap<String, Vec<u8>>",
            "Box<dyn Fn(u8) -> u8 + Send>",
            "()",
        ] {
            let ty: Type = syn::parse_str(written).unwrap();
            assert_eq!(text(&ty), written);
        }
    }

    #[test]
    fn what_is_borrowed_has_an_owner() {
        for (borrowed, expected) in [
            ("&str", "String"),
            ("Option<&'static str>", "Option<String>"),
            ("&[&str]", "Vec<String>"),
            ("Result<Cow<'a, str>, E>", "Result<Cow<'static, str>, E>"),
            ("(&Path, [u8; 2])", "(Owned<Path>, [u8; 2],)"),
        ] {
            let ty: Type = syn::parse_str(borrowed).unwrap();
            assert_eq!(text(&owned(&ty, &Short)), expected);
        }
    }

    #[test]
    fn strings_are_known_by_their_name() {
        for (written, expected) in [
            ("String", true),
            ("std::string::String", true),
            ("my::String", false),
            ("Option<String>", false),
        ] {
            let ty: Type = syn::parse_str(written).unwrap();
            assert_eq!(is_string(&ty), expected, "{written}");
        }
    }
}

//! The attribute macro of `asyncmq`; its manual is on `asyncmq::task`.

mod args;
mod errors;
mod expand;
mod fallback;
#[cfg(test)]
mod garbage;
mod grammar;
mod model;
mod parameter;
mod schedule;
mod signature;
#[cfg(test)]
mod snapshots;
mod types;
mod value;

use proc_macro2::TokenStream;

use crate::args::Args;
use crate::errors::Errors;
use crate::model::Model;
use crate::signature::Function;

// Its manual stands where it is re-exported, so that the examples there are compiled.
#[expect(missing_docs, reason = "the manual is on the library's `pub use`")]
#[proc_macro_attribute]
pub fn task(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    task_tokens(args.into(), item.into()).into()
}

/// The whole macro, on tokens that a test can make.
fn task_tokens(args: TokenStream, item: TokenStream) -> TokenStream {
    let Ok(function) = syn::parse2::<Function>(item.clone()) else {
        let message = "a task is a function: put `#[task]` on an `async fn` or a plain `fn`";
        return [syn::Error::new_spanned(&item, message).into_compile_error(), item].into_iter().collect();
    };
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    let expansion = match function.shape(&mut errors) {
        Some(shape) => expand::expand(&Model::new(args, function, shape, &mut errors)),
        None => fallback::expand(&args, &function),
    };
    [errors.report(), expansion].into_iter().collect()
}

//! The options of a task, as a constant.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Ident;

use crate::args::{Args, Backoff, Retain};
use crate::grammar::{BackoffSyntax, OnLimitSyntax};
use crate::model::{Model, local};
use crate::schedule::DedupSyntax;

/// The options: what every task gets, and what this one says of its own.
pub(super) fn options(model: &Model) -> TokenStream {
    let private = model.names().inner();
    let options = local("options");
    let start = match &model.args.backoff {
        Some(policy) => {
            let policy = backoff(policy, &private);
            quote!(#private::TaskOptions::__with_backoff(#policy))
        }
        None => quote!(#private::TaskOptions::DEFAULT),
    };
    let own = own(&model.args, &private, &options);
    if own.is_empty() {
        return start;
    }
    quote! {{
        let mut #options = #start;
        #own
        #options
    }}
}

fn own(args: &Args, private: &TokenStream, options: &Ident) -> TokenStream {
    let some = |value: TokenStream| quote!(::core::option::Option::Some(#value));
    let time = |time: Option<Duration>| time.map(|time| some(duration(time, private)));
    let tags = &args.tags;
    let fields: [(&str, Option<TokenStream>); 18] = [
        ("retries", args.retries.map(|retries| retries.to_token_stream())),
        ("ttl", time(args.ttl)),
        ("timeout", time(args.timeout)),
        ("priority", args.priority.map(|priority| priority.to_token_stream())),
        ("delay", time(args.delay)),
        ("rate_limit", rate_limit(args, private).map(some)),
        ("concurrency", args.concurrency.map(|most| some(most.to_token_stream()))),
        ("on_limit", args.on_limit.map(|policy| some(on_limit(policy, private)))),
        ("keyed", args.key.as_ref().map(|_| quote!(true))),
        ("dedup", dedup(args, private).map(some)),
        ("cron", args.cron.as_ref().map(|cron| some(cron.to_token_stream()))),
        ("tz", args.tz.as_ref().map(|tz| some(tz.to_token_stream()))),
        ("every", time(args.every)),
        ("retain", args.retain.map(|retain| retention(retain, private))),
        ("version", args.version.map(|version| version.to_token_stream())),
        ("sandbox", args.sandbox.map(|sandbox| sandbox.to_token_stream())),
        ("memory", args.memory.map(|bytes| some(bytes.to_token_stream()))),
        ("tags", (!tags.is_empty()).then(|| quote!(&[#(#tags),*]))),
    ];
    let assignments = fields.into_iter().filter_map(|(field, value)| {
        let (field, value) = (Ident::new(field, proc_macro2::Span::call_site()), value?);
        Some(quote!(#options.#field = #value;))
    });
    assignments.collect()
}

fn duration(time: Duration, private: &TokenStream) -> TokenStream {
    let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
    if nanos == 0 {
        quote!(#private::Duration::from_secs(#seconds))
    } else {
        quote!(#private::Duration::new(#seconds, #nanos))
    }
}

fn backoff(policy: &Backoff, private: &TokenStream) -> TokenStream {
    match policy {
        Backoff::Power(base) => quote!(#private::Backoff::Power(#base)),
        Backoff::Function(_) => quote!(#private::Backoff::Custom),
        Backoff::Policy(BackoffSyntax::Fixed(delay)) => {
            let delay = duration(*delay, private);
            quote!(#private::Backoff::Fixed(#delay))
        }
        Backoff::Policy(BackoffSyntax::List(delays)) => {
            let delays = delays.iter().map(|delay| duration(*delay, private));
            quote!(#private::Backoff::List(#private::Cow::Borrowed(&[#(#delays),*])))
        }
        Backoff::Policy(BackoffSyntax::Exponential { first, factor, max, jitter }) => {
            let (first, max) = (duration(*first, private), duration(*max, private));
            quote!(#private::Backoff::Exponential { first: #first, factor: #factor, max: #max, jitter: #jitter })
        }
    }
}

fn rate_limit(args: &Args, private: &TokenStream) -> Option<TokenStream> {
    let rate = args.rate_limit?;
    let (permits, interval) = (rate.permits, duration(rate.interval, private));
    Some(if rate.sliding {
        quote!(#private::RateLimit::window(#permits, #interval))
    } else {
        quote!(#private::RateLimit::per(#permits, #interval))
    })
}

fn on_limit(policy: OnLimitSyntax, private: &TokenStream) -> TokenStream {
    match policy {
        OnLimitSyntax::Wait => quote!(#private::OnLimit::Wait),
        OnLimitSyntax::Discard => quote!(#private::OnLimit::Discard),
        OnLimitSyntax::CancelRunning => quote!(#private::OnLimit::CancelRunning),
    }
}

fn dedup(args: &Args, private: &TokenStream) -> Option<TokenStream> {
    Some(match args.dedup? {
        DedupSyntax::Simple => quote!(#private::Dedup::Simple),
        DedupSyntax::Throttle(time) => {
            let time = duration(time, private);
            quote!(#private::Dedup::Throttle(#time))
        }
        DedupSyntax::ExtendedThrottle(time) => {
            let time = duration(time, private);
            quote!(#private::Dedup::ExtendedThrottle(#time))
        }
        DedupSyntax::Replace => quote!(#private::Dedup::Replace),
        DedupSyntax::KeepLast => quote!(#private::Dedup::KeepLast),
        DedupSyntax::Debounce(time) => {
            let time = duration(time, private);
            quote!(#private::Dedup::Debounce(#time))
        }
    })
}

fn retention(retain: Retain, private: &TokenStream) -> TokenStream {
    match retain {
        Retain::Nothing => quote!(#private::Retention::Nothing),
        Retain::For(time) => {
            let time = duration(time, private);
            quote!(#private::Retention::For(#time))
        }
    }
}

//! Whatever stands in `#[task(…)]` and behind it: the macro says what is wrong with it, and never panics.

use proc_macro2::TokenStream;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::task_tokens;

/// Keys, as they are and misspelt.
const KEYS: [&str; 28] = [
    "name",
    "queue",
    "retries",
    "backoff",
    "ttl",
    "timeout",
    "priority",
    "delay",
    "rate_limit",
    "concurrency",
    "on_limit",
    "key",
    "dedup",
    "dedup_key",
    "cron",
    "tz",
    "every",
    "retain",
    "version",
    "sandbox",
    "memory",
    "tags",
    "crate",
    "retry",
    "r#type",
    "self",
    "Ttl",
    "_",
];
/// Values that some key takes, and values that none does.
const VALUES: [&str; 46] = [
    "\"discard\"",
    "\"cancel_running\"",
    "0",
    "1",
    "-1",
    "2.5",
    "300",
    "1e400",
    "256",
    "99999999999999999999",
    "1u8",
    "0x1f",
    "\"\"",
    "\"5m\"",
    "\"1h30m\"",
    "\"-5s\"",
    "\"1e19\"",
    "\"fixed(5s)\"",
    "\"exponential(1s, factor = 2, max = 10m)\"",
    "\"list(1s,2s)\"",
    "\"list()\"",
    "\"fixed(\"",
    "\"100/1s\"",
    "\"window(1/2m)\"",
    "\"window(\"",
    "\"512MiB\"",
    "\"none\"",
    "\"simple\"",
    "\"debounce(10s)\"",
    "\"0 9 * * 1-5\"",
    "\"@daily\"",
    "\"* * * * * *\"",
    "\"Europe/Zurich\"",
    "\"\\u{0}\"",
    "'a'",
    "b\"x\"",
    "true",
    "false",
    "[\"a\", \"b\"]",
    "[1, x]",
    "user.id",
    "::a::b",
    "later",
    "|x| x",
    "{ 1 }",
    "fn(u32)",
];
const PARAMETERS: [&str; 26] = [
    "to: String",
    "size: u64",
    "ctx: &Context",
    "ctx: Context",
    "State(db): State<Db>",
    "a: &str",
    "b: Option<&str>",
    "c: &[u8]",
    "d: &mut u8",
    "self",
    "&self",
    "_: u8",
    "(a, b): (u8, u8)",
    "x: impl Copy",
    "x: &'static str",
    "r#fn: u8",
    "mut y: Vec<u8>",
    "#[serde(default)] z: u8",
    "#[serde(rename = \"1\")] z: u8",
    "#[serde(flatten)] z: u8",
    "#[serde(alias = \"q\", default = \"f\")] z: u8",
    "v: dyn Send",
    "f: fn(u8) -> u8",
    "t: (u8, &str)",
    "n: !",
    "m: [u8; N]",
];
const RETURNS: [&str; 8] = [
    "",
    "-> u8",
    "-> Result<u8, E>",
    "-> anyhow::Result<()>",
    "-> impl Future",
    "-> &str",
    "-> Option<&'a str>",
    "-> !",
];
const HEADS: [&str; 12] = [
    "async fn",
    "fn",
    "pub async fn",
    "pub(crate) fn",
    "unsafe fn",
    "const fn",
    "extern \"C\" fn",
    "async unsafe fn",
    "struct",
    "impl",
    "/// Doc.\n#[inline] async fn",
    "#[cfg(all())] fn",
];
const GENERICS: [&str; 6] = ["", "<'a>", "<T>", "<const N: usize>", "<'a, T: 'a>", "<>"];

fn pair() -> impl Strategy<Value = String> {
    (select(&KEYS[..]), select(&["=", "", "(", ":", "=="][..]), select(&VALUES[..])).prop_map(
        |(key, sign, value)| match sign {
            "" => key.to_owned(),
            "(" => format!("{key}({value})"),
            sign => format!("{key} {sign} {value}"),
        },
    )
}

fn function() -> impl Strategy<Value = String> {
    let parts =
        (select(&HEADS[..]), select(&GENERICS[..]), vec(select(&PARAMETERS[..]), 0..5), select(&RETURNS[..]));
    (parts, select(&["{ 1 }", "{}", ";", "where T: Copy { 1 }"][..])).prop_map(
        |((head, generics, parameters, returns), body)| {
            format!("{head} send{generics}({}) {returns} {body}", parameters.join(", "))
        },
    )
}

/// Runs the macro on what can be read as tokens at all; what it writes for a function can be parsed.
fn run(keys: &str, item: &str) {
    let (Ok(keys), Ok(item)) = (keys.parse::<TokenStream>(), item.parse::<TokenStream>()) else { return };
    let is_function = syn::parse2::<syn::ItemFn>(item.clone()).is_ok();
    let written = task_tokens(keys, item);
    if is_function && let Err(error) = syn::parse2::<syn::File>(written.clone()) {
        panic!("{error}: {written}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_and_values_in_any_mixture_are_borne(pairs in vec(pair(), 0..6), function in function()) {
        run(&pairs.join(", "), &function);
    }

    #[test]
    fn any_text_is_borne(keys in "[a-z_=,\"0-9(){}\\[\\]:.#<>&' -]{0,60}", item in "[a-z_=,\"0-9(){}\\[\\]:;.#<>&' -]{0,80}") {
        run(&keys, "async fn send(to: String) {}");
        run(&keys, &item);
        run("", &format!("async fn send({item}) {{}}"));
    }

    #[test]
    fn any_value_is_borne(key in select(&KEYS[..]), value in "\\PC{0,40}") {
        run(&format!("{key} = {value:?}"), "async fn send(to: String) {}");
    }
}

::core::compile_error! {
    "there is no key `retry`: did you mean `retries`?"
}
::core::compile_error! {
    "an argument does not live for ever: write `String`"
}
#[allow(dead_code, unused_variables)]
async fn send(to: &'static str, ctx: Context) -> Result<u8, MailError> {
    Ok(1)
}
#[doc(hidden)]
struct send {}
#[allow(dead_code, unused_variables, clippy::too_many_arguments)]
const _: () = {
    impl send {
        pub fn job(
            __arg0: impl ::core::marker::Sized,
        ) -> ::asyncmq::__private::JobBuilder<send> {
            ::core::unreachable!()
        }
        pub fn with(
            __arg0: impl ::core::marker::Sized,
        ) -> ::asyncmq::__private::JobBuilder<send> {
            ::core::unreachable!()
        }
        pub fn enqueue(
            __arg0: impl ::core::marker::Sized,
        ) -> ::asyncmq::__private::Enqueue<send> {
            ::core::unreachable!()
        }
    }
    impl ::asyncmq::__private::Task for send {
        const NAME: &'static ::asyncmq::__private::primitive::str = "";
        const QUEUE: &'static ::asyncmq::__private::primitive::str = "";
        type Output = <Result<u8, MailError> as ::asyncmq::__private::ReturnsResult>::Ok;
        const __DEFINITION: &'static ::asyncmq::__private::TaskDefinition = ::core::unreachable!();
        fn __encode(
            &self,
        ) -> ::core::result::Result<
            ::asyncmq::__private::Bytes,
            ::asyncmq::__private::primitive::String,
        > {
            ::core::unreachable!()
        }
        fn __decode(
            _: &[::asyncmq::__private::primitive::u8],
        ) -> ::core::result::Result<Self, ::asyncmq::__private::TaskError> {
            ::core::unreachable!()
        }
        fn __run(
            _: ::asyncmq::__private::Invocation,
        ) -> ::asyncmq::__private::HandlerFuture {
            ::core::unreachable!()
        }
    }
};

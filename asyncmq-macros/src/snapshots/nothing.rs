async fn nothing() {}
#[doc(hidden)]
struct nothing {}
#[allow(deprecated, clippy::too_many_arguments)]
const _: () = {
    impl nothing {
        /// Describes a job of this task. Nothing is sent before it is enqueued.
        pub fn job() -> ::asyncmq::__private::JobBuilder<nothing> {
            ::asyncmq::__private::JobBuilder::__of(&Self {})
        }
        /// Describes a job of this task, of whose arguments some may be what other jobs return: nodes of a flow.
        pub fn with() -> ::asyncmq::__private::JobBuilder<nothing> {
            ::asyncmq::__private::FedArguments::default().job()
        }
        /// Enqueues a job of this task through the default client, once the future is awaited.
        pub fn enqueue() -> ::asyncmq::__private::Enqueue<nothing> {
            Self::job().enqueue()
        }
    }
    impl ::asyncmq::__private::Task for nothing {
        const NAME: &'static ::asyncmq::__private::primitive::str = "nothing";
        const QUEUE: &'static ::asyncmq::__private::primitive::str = "default";
        type Output = ();
        const __DEFINITION: &'static ::asyncmq::__private::TaskDefinition = {
            &::asyncmq::__private::TaskDefinition {
                name: <Self as ::asyncmq::__private::Task>::NAME,
                queue: <Self as ::asyncmq::__private::Task>::QUEUE,
                options: ::asyncmq::__private::TaskOptions::DEFAULT,
                arguments: &[],
                states: &[],
                hears_cancel: false,
                blocking: false,
                package: ::asyncmq::__private::package(
                    ::core::option_env!("CARGO_PKG_NAME"),
                ),
                file: ::core::file!(),
                line: ::core::line!(),
                run: <Self as ::asyncmq::__private::Task>::__run,
                backoff: ::core::option::Option::None,
                dedup_key: ::core::option::Option::None,
            }
        };
        fn __encode(
            &self,
        ) -> ::core::result::Result<
            ::asyncmq::__private::Bytes,
            ::asyncmq::__private::primitive::String,
        > {
            let __out = ::asyncmq::__private::primitive::Vec::new();
            ::core::result::Result::Ok(::asyncmq::__private::finish(__out))
        }
        fn __decode(
            __json: &[::asyncmq::__private::primitive::u8],
        ) -> ::core::result::Result<Self, ::asyncmq::__private::TaskError> {
            let __stored = ::asyncmq::__private::Stored::of(__json)?;
            let __record = Self {};
            __stored.end(0usize)?;
            ::core::result::Result::Ok(__record)
        }
        fn __run(
            __invocation: ::asyncmq::__private::Invocation,
        ) -> ::asyncmq::__private::HandlerFuture {
            ::asyncmq::__private::handler(async move {
                let Self {} = <Self as ::asyncmq::__private::Task>::__decode(
                    __invocation.args(),
                )?;
                let __outcome = ::asyncmq::__private::future(nothing()).await;
                ::asyncmq::__private::encode(&__outcome)
            })
        }
    }
    ::asyncmq::__private::inventory::submit! {
        ::asyncmq::__private::Registered(< nothing as ::asyncmq::__private::Task >
        ::__DEFINITION)
    }
};

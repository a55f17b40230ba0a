async fn greet(ctx: &Context, State(db): State<Db>, name: String) -> String {
    name
}
#[doc(hidden)]
struct greet {
    pub name: String,
}
#[allow(deprecated, clippy::too_many_arguments)]
const _: () = {
    const __ASYNCMQ_0: ::asyncmq::__private::Gift<Context> = ::asyncmq::__private::Gift::<
        Context,
    >::of();
    const __ASYNCMQ_1: ::asyncmq::__private::Gift<State<Db>> = ::asyncmq::__private::Gift::<
        State<Db>,
    >::of();
    const __ASYNCMQ_2: ::asyncmq::__private::Slot<String> = ::asyncmq::__private::Slot::<
        String,
    >::new("name");
    impl greet {
        /// Describes a job of this task. Nothing is sent before it is enqueued.
        pub fn job(
            name: impl ::core::convert::Into<String>,
        ) -> ::asyncmq::__private::JobBuilder<greet> {
            ::asyncmq::__private::JobBuilder::__of(
                &Self {
                    name: ::core::convert::Into::into(name),
                },
            )
        }
        /// Describes a job of this task, of whose arguments some may be what other jobs return: nodes of a flow.
        pub fn with(
            name: impl ::asyncmq::__private::Feed<String>,
        ) -> ::asyncmq::__private::JobBuilder<greet> {
            ::asyncmq::__private::FedArguments::default().put(&__ASYNCMQ_2, name).job()
        }
        /// Enqueues a job of this task through the default client, once the future is awaited.
        pub fn enqueue(
            name: impl ::core::convert::Into<String>,
        ) -> ::asyncmq::__private::Enqueue<greet> {
            Self::job(name).enqueue()
        }
    }
    impl ::asyncmq::__private::Task for greet {
        const NAME: &'static ::asyncmq::__private::primitive::str = "greet";
        const QUEUE: &'static ::asyncmq::__private::primitive::str = "default";
        type Output = String;
        const __DEFINITION: &'static ::asyncmq::__private::TaskDefinition = {
            const _: () = {
                use ::asyncmq::__private::NoResult as _;
                ::core::assert!(
                    ! ::asyncmq::__private::Probe:: < String > ::IS_RESULT,
                    "this type is a `Result` under another name, and its `Err` would count as success: write `Result<…>` in full"
                )
            };
            &::asyncmq::__private::TaskDefinition {
                name: <Self as ::asyncmq::__private::Task>::NAME,
                queue: <Self as ::asyncmq::__private::Task>::QUEUE,
                options: ::asyncmq::__private::TaskOptions::DEFAULT,
                arguments: &[
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "name",
                        type_name: "String",
                    },
                ],
                states: &[__ASYNCMQ_1.state("Db")],
                hears_cancel: true,
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
            let mut __out = ::asyncmq::__private::primitive::Vec::new();
            __ASYNCMQ_2.write(&self.name, &mut __out)?;
            ::core::result::Result::Ok(::asyncmq::__private::finish(__out))
        }
        fn __decode(
            __json: &[::asyncmq::__private::primitive::u8],
        ) -> ::core::result::Result<Self, ::asyncmq::__private::TaskError> {
            let mut __stored = ::asyncmq::__private::Stored::of(__json)?;
            let __record = Self {
                name: __ASYNCMQ_2.take(&mut __stored, 0usize)?,
            };
            __stored.end(1usize)?;
            ::core::result::Result::Ok(__record)
        }
        fn __run(
            __invocation: ::asyncmq::__private::Invocation,
        ) -> ::asyncmq::__private::HandlerFuture {
            ::asyncmq::__private::handler(async move {
                let Self { name: __arg2 } = <Self as ::asyncmq::__private::Task>::__decode(
                    __invocation.args(),
                )?;
                let __arg0 = __ASYNCMQ_0.take(&__invocation.context)?;
                let __arg1 = __ASYNCMQ_1.take(&__invocation.context)?;
                let __outcome = ::asyncmq::__private::future(
                        greet(&__arg0, __arg1, __arg2),
                    )
                    .await;
                ::asyncmq::__private::encode(&__outcome)
            })
        }
    }
    ::asyncmq::__private::inventory::submit! {
        ::asyncmq::__private::Registered(< greet as ::asyncmq::__private::Task >
        ::__DEFINITION)
    }
};

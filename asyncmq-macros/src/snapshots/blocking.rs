fn square(n: u32) -> anyhow::Result<u64> {
    Ok(u64::from(n) * u64::from(n))
}
#[doc(hidden)]
struct square {
    pub n: u32,
}
#[allow(deprecated, clippy::too_many_arguments)]
const _: () = {
    const __ASYNCMQ_0: ::asyncmq::__private::Slot<u32> = ::asyncmq::__private::Slot::<
        u32,
    >::new("n");
    impl square {
        /// Describes a job of this task. Nothing is sent before it is enqueued.
        pub fn job(n: u32) -> ::asyncmq::__private::JobBuilder<square> {
            ::asyncmq::__private::JobBuilder::__of(&Self { n: n })
        }
        /// Describes a job of this task, of whose arguments some may be what other jobs return: nodes of a flow.
        pub fn with(
            n: impl ::asyncmq::__private::Feed<u32>,
        ) -> ::asyncmq::__private::JobBuilder<square> {
            ::asyncmq::__private::FedArguments::default().put(&__ASYNCMQ_0, n).job()
        }
        /// Enqueues a job of this task through the default client, once the future is awaited.
        pub fn enqueue(n: u32) -> ::asyncmq::__private::Enqueue<square> {
            Self::job(n).enqueue()
        }
    }
    impl ::asyncmq::__private::Task for square {
        const NAME: &'static ::asyncmq::__private::primitive::str = "square";
        const QUEUE: &'static ::asyncmq::__private::primitive::str = "default";
        type Output = <anyhow::Result<u64> as ::asyncmq::__private::ReturnsResult>::Ok;
        const __DEFINITION: &'static ::asyncmq::__private::TaskDefinition = {
            &::asyncmq::__private::TaskDefinition {
                name: <Self as ::asyncmq::__private::Task>::NAME,
                queue: <Self as ::asyncmq::__private::Task>::QUEUE,
                options: ::asyncmq::__private::TaskOptions::__with_backoff(
                    ::asyncmq::__private::Backoff::Custom,
                ),
                arguments: &[
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "n",
                        type_name: "u32",
                    },
                ],
                states: &[],
                hears_cancel: false,
                blocking: true,
                package: ::asyncmq::__private::package(
                    ::core::option_env!("CARGO_PKG_NAME"),
                ),
                file: ::core::file!(),
                line: ::core::line!(),
                run: <Self as ::asyncmq::__private::Task>::__run,
                backoff: ::asyncmq::__private::backoff(later),
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
            __ASYNCMQ_0.write(&self.n, &mut __out)?;
            ::core::result::Result::Ok(::asyncmq::__private::finish(__out))
        }
        fn __decode(
            __json: &[::asyncmq::__private::primitive::u8],
        ) -> ::core::result::Result<Self, ::asyncmq::__private::TaskError> {
            let mut __stored = ::asyncmq::__private::Stored::of(__json)?;
            let __record = Self {
                n: __ASYNCMQ_0.take(&mut __stored, 0usize)?,
            };
            __stored.end(1usize)?;
            ::core::result::Result::Ok(__record)
        }
        fn __run(
            __invocation: ::asyncmq::__private::Invocation,
        ) -> ::asyncmq::__private::HandlerFuture {
            ::asyncmq::__private::blocking(
                __invocation,
                |__invocation| {
                    let Self { n: __arg0 } = <Self as ::asyncmq::__private::Task>::__decode(
                        __invocation.args(),
                    )?;
                    let __outcome = square(__arg0);
                    match <anyhow::Result<
                        u64,
                    > as ::asyncmq::__private::ReturnsResult>::result(__outcome) {
                        ::core::result::Result::Ok(__value) => {
                            ::asyncmq::__private::encode(&__value)
                        }
                        ::core::result::Result::Err(__error) => {
                            use ::asyncmq::__private::{
                                FailsByInto as _, FailsByText as _, FailsNohow as _,
                            };
                            ::core::result::Result::Err(
                                (&__error).failure().convert(__error),
                            )
                        }
                    }
                },
            )
        }
    }
    ::asyncmq::__private::inventory::submit! {
        ::asyncmq::__private::Registered(< square as ::asyncmq::__private::Task >
        ::__DEFINITION)
    }
};

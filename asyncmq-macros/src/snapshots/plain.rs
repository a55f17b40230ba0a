/// Sends a mail.
///
/// A task of asyncmq: `send::enqueue(to, size)` enqueues a job, `send::job(to, size)` describes one.
pub(crate) async fn send(to: String, size: u64) -> Result<Receipt, MailError> {
    deliver(to, size).await
}
#[doc(hidden)]
pub(crate) struct send {
    pub to: String,
    pub size: u64,
}
#[allow(deprecated, clippy::too_many_arguments)]
const _: () = {
    const __ASYNCMQ_0: ::asyncmq::__private::Slot<String> = ::asyncmq::__private::Slot::<
        String,
    >::new("to");
    const __ASYNCMQ_1: ::asyncmq::__private::Slot<u64> = ::asyncmq::__private::Slot::<
        u64,
    >::new("size");
    impl send {
        /// Describes a job of this task. Nothing is sent before it is enqueued.
        pub fn job(
            to: impl ::core::convert::Into<String>,
            size: u64,
        ) -> ::asyncmq::__private::JobBuilder<send> {
            ::asyncmq::__private::JobBuilder::__of(
                &Self {
                    to: ::core::convert::Into::into(to),
                    size: size,
                },
            )
        }
        /// Describes a job of this task, of whose arguments some may be what other jobs return: nodes of a flow.
        pub fn with(
            to: impl ::asyncmq::__private::Feed<String>,
            size: impl ::asyncmq::__private::Feed<u64>,
        ) -> ::asyncmq::__private::JobBuilder<send> {
            ::asyncmq::__private::FedArguments::default()
                .put(&__ASYNCMQ_0, to)
                .put(&__ASYNCMQ_1, size)
                .job()
        }
        /// Enqueues a job of this task through the default client, once the future is awaited.
        pub fn enqueue(
            to: impl ::core::convert::Into<String>,
            size: u64,
        ) -> ::asyncmq::__private::Enqueue<send> {
            Self::job(to, size).enqueue()
        }
    }
    impl ::asyncmq::__private::Task for send {
        const NAME: &'static ::asyncmq::__private::primitive::str = "send";
        const QUEUE: &'static ::asyncmq::__private::primitive::str = "email";
        type Output = <Result<
            Receipt,
            MailError,
        > as ::asyncmq::__private::ReturnsResult>::Ok;
        const __DEFINITION: &'static ::asyncmq::__private::TaskDefinition = {
            &::asyncmq::__private::TaskDefinition {
                name: <Self as ::asyncmq::__private::Task>::NAME,
                queue: <Self as ::asyncmq::__private::Task>::QUEUE,
                options: {
                    let mut __options = ::asyncmq::__private::TaskOptions::DEFAULT;
                    __options.retries = 3u32;
                    __options.ttl = ::core::option::Option::Some(
                        ::asyncmq::__private::Duration::from_secs(300u64),
                    );
                    __options
                },
                arguments: &[
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "to",
                        type_name: "String",
                    },
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "size",
                        type_name: "u64",
                    },
                ],
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
            let mut __out = ::asyncmq::__private::primitive::Vec::new();
            __ASYNCMQ_0.write(&self.to, &mut __out)?;
            __ASYNCMQ_1.write(&self.size, &mut __out)?;
            ::core::result::Result::Ok(::asyncmq::__private::finish(__out))
        }
        fn __decode(
            __json: &[::asyncmq::__private::primitive::u8],
        ) -> ::core::result::Result<Self, ::asyncmq::__private::TaskError> {
            let mut __stored = ::asyncmq::__private::Stored::of(__json)?;
            let __record = Self {
                to: __ASYNCMQ_0.take(&mut __stored, 0usize)?,
                size: __ASYNCMQ_1.take(&mut __stored, 1usize)?,
            };
            __stored.end(2usize)?;
            ::core::result::Result::Ok(__record)
        }
        fn __run(
            __invocation: ::asyncmq::__private::Invocation,
        ) -> ::asyncmq::__private::HandlerFuture {
            ::asyncmq::__private::handler(async move {
                let Self { to: __arg0, size: __arg1 } = <Self as ::asyncmq::__private::Task>::__decode(
                    __invocation.args(),
                )?;
                let __outcome = ::asyncmq::__private::future(send(__arg0, __arg1)).await;
                match <Result<
                    Receipt,
                    MailError,
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
            })
        }
    }
    ::asyncmq::__private::inventory::submit! {
        ::asyncmq::__private::Registered(< send as ::asyncmq::__private::Task >
        ::__DEFINITION)
    }
};

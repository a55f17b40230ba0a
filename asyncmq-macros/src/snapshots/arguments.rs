async fn take(count: u32, sort: u8, r#fn: u8) {}
#[doc(hidden)]
struct take {
    pub count: u32,
    pub sort: u8,
    pub r#fn: u8,
}
#[allow(deprecated, clippy::too_many_arguments)]
const _: () = {
    const __ASYNCMQ_0: ::asyncmq::__private::Slot<u32> = ::asyncmq::__private::Slot::<
        u32,
    >::new("count")
        .default(<u32 as ::core::default::Default>::default);
    const __ASYNCMQ_1: ::asyncmq::__private::Slot<u8> = ::asyncmq::__private::Slot::<
        u8,
    >::new("type")
        .aliases(&["kind"])
        .default(five);
    const __ASYNCMQ_2: ::asyncmq::__private::Slot<u8> = ::asyncmq::__private::Slot::<
        u8,
    >::new("fn");
    impl take {
        /// Describes a job of this task. Nothing is sent before it is enqueued.
        pub fn job(
            count: u32,
            sort: u8,
            r#fn: u8,
        ) -> ::asyncmq::__private::JobBuilder<take> {
            ::asyncmq::__private::JobBuilder::__of(
                &Self {
                    count: count,
                    sort: sort,
                    r#fn: r#fn,
                },
            )
        }
        /// Describes a job of this task, of whose arguments some may be what other jobs return: nodes of a flow.
        pub fn with(
            count: impl ::asyncmq::__private::Feed<u32>,
            sort: impl ::asyncmq::__private::Feed<u8>,
            r#fn: impl ::asyncmq::__private::Feed<u8>,
        ) -> ::asyncmq::__private::JobBuilder<take> {
            ::asyncmq::__private::FedArguments::default()
                .put(&__ASYNCMQ_0, count)
                .put(&__ASYNCMQ_1, sort)
                .put(&__ASYNCMQ_2, r#fn)
                .job()
        }
        /// Enqueues a job of this task through the default client, once the future is awaited.
        pub fn enqueue(
            count: u32,
            sort: u8,
            r#fn: u8,
        ) -> ::asyncmq::__private::Enqueue<take> {
            Self::job(count, sort, r#fn).enqueue()
        }
    }
    impl ::asyncmq::__private::Task for take {
        const NAME: &'static ::asyncmq::__private::primitive::str = "take";
        const QUEUE: &'static ::asyncmq::__private::primitive::str = "default";
        type Output = ();
        const __DEFINITION: &'static ::asyncmq::__private::TaskDefinition = {
            &::asyncmq::__private::TaskDefinition {
                name: <Self as ::asyncmq::__private::Task>::NAME,
                queue: <Self as ::asyncmq::__private::Task>::QUEUE,
                options: ::asyncmq::__private::TaskOptions::DEFAULT,
                arguments: &[
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "count",
                        type_name: "u32",
                    },
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "type",
                        type_name: "u8",
                    },
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "fn",
                        type_name: "u8",
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
            __ASYNCMQ_0.write(&self.count, &mut __out)?;
            __ASYNCMQ_1.write(&self.sort, &mut __out)?;
            __ASYNCMQ_2.write(&self.r#fn, &mut __out)?;
            ::core::result::Result::Ok(::asyncmq::__private::finish(__out))
        }
        fn __decode(
            __json: &[::asyncmq::__private::primitive::u8],
        ) -> ::core::result::Result<Self, ::asyncmq::__private::TaskError> {
            let mut __stored = ::asyncmq::__private::Stored::of(__json)?;
            let __record = Self {
                count: __ASYNCMQ_0.take(&mut __stored, 0usize)?,
                sort: __ASYNCMQ_1.take(&mut __stored, 1usize)?,
                r#fn: __ASYNCMQ_2.take(&mut __stored, 2usize)?,
            };
            __stored.end(3usize)?;
            ::core::result::Result::Ok(__record)
        }
        fn __run(
            __invocation: ::asyncmq::__private::Invocation,
        ) -> ::asyncmq::__private::HandlerFuture {
            ::asyncmq::__private::handler(async move {
                let Self { count: __arg0, sort: __arg1, r#fn: __arg2 } = <Self as ::asyncmq::__private::Task>::__decode(
                    __invocation.args(),
                )?;
                let __outcome = ::asyncmq::__private::future(
                        take(__arg0, __arg1, __arg2),
                    )
                    .await;
                ::asyncmq::__private::encode(&__outcome)
            })
        }
    }
    ::asyncmq::__private::inventory::submit! {
        ::asyncmq::__private::Registered(< take as ::asyncmq::__private::Task >
        ::__DEFINITION)
    }
};

async fn borrow<'a>(
    name: &'a str,
    parts: &[u8],
    mail: &Mail,
    maybe: Option<&str>,
) -> Option<&'a str> {
    None
}
#[doc(hidden)]
struct borrow {
    pub name: ::asyncmq::__private::primitive::String,
    pub parts: ::asyncmq::__private::primitive::Vec<u8>,
    pub mail: <Mail as ::asyncmq::__private::Lend>::Owner,
    pub maybe: Option<::asyncmq::__private::primitive::String>,
}
#[allow(deprecated, clippy::too_many_arguments)]
const _: () = {
    const __ASYNCMQ_0: ::asyncmq::__private::Slot<
        ::asyncmq::__private::primitive::String,
    > = ::asyncmq::__private::Slot::<
        ::asyncmq::__private::primitive::String,
    >::new("name");
    const __ASYNCMQ_1: ::asyncmq::__private::Slot<
        ::asyncmq::__private::primitive::Vec<u8>,
    > = ::asyncmq::__private::Slot::<
        ::asyncmq::__private::primitive::Vec<u8>,
    >::new("parts");
    const __ASYNCMQ_2: ::asyncmq::__private::Slot<
        <Mail as ::asyncmq::__private::Lend>::Owner,
    > = ::asyncmq::__private::Slot::<
        <Mail as ::asyncmq::__private::Lend>::Owner,
    >::new("mail");
    const __ASYNCMQ_3: ::asyncmq::__private::Slot<
        Option<::asyncmq::__private::primitive::String>,
    > = ::asyncmq::__private::Slot::<
        Option<::asyncmq::__private::primitive::String>,
    >::new("maybe");
    impl borrow {
        /// Describes a job of this task. Nothing is sent before it is enqueued.
        pub fn job(
            name: &str,
            parts: &[u8],
            mail: &Mail,
            maybe: Option<&str>,
        ) -> ::asyncmq::__private::JobBuilder<borrow> {
            ::asyncmq::__private::JobBuilder::__of(
                &Self {
                    name: ::asyncmq::__private::keep::<str>(name),
                    parts: ::asyncmq::__private::keep::<[u8]>(parts),
                    mail: ::asyncmq::__private::keep::<Mail>(mail),
                    maybe: ::asyncmq::__private::keep_option::<str>(maybe),
                },
            )
        }
        /// Describes a job of this task, of whose arguments some may be what other jobs return: nodes of a flow.
        pub fn with(
            name: impl ::asyncmq::__private::Feed<
                ::asyncmq::__private::primitive::String,
            >,
            parts: impl ::asyncmq::__private::Feed<
                ::asyncmq::__private::primitive::Vec<u8>,
            >,
            mail: impl ::asyncmq::__private::Feed<
                <Mail as ::asyncmq::__private::Lend>::Owner,
            >,
            maybe: impl ::asyncmq::__private::Feed<
                Option<::asyncmq::__private::primitive::String>,
            >,
        ) -> ::asyncmq::__private::JobBuilder<borrow> {
            ::asyncmq::__private::FedArguments::default()
                .put(&__ASYNCMQ_0, name)
                .put(&__ASYNCMQ_1, parts)
                .put(&__ASYNCMQ_2, mail)
                .put(&__ASYNCMQ_3, maybe)
                .job()
        }
        /// Enqueues a job of this task through the default client, once the future is awaited.
        pub fn enqueue(
            name: &str,
            parts: &[u8],
            mail: &Mail,
            maybe: Option<&str>,
        ) -> ::asyncmq::__private::Enqueue<borrow> {
            Self::job(name, parts, mail, maybe).enqueue()
        }
    }
    impl ::asyncmq::__private::Task for borrow {
        const NAME: &'static ::asyncmq::__private::primitive::str = "borrow";
        const QUEUE: &'static ::asyncmq::__private::primitive::str = "default";
        type Output = Option<::asyncmq::__private::primitive::String>;
        const __DEFINITION: &'static ::asyncmq::__private::TaskDefinition = {
            const _: () = {
                use ::asyncmq::__private::NoResult as _;
                ::core::assert!(
                    ! ::asyncmq::__private::Probe:: < Option <
                    ::asyncmq::__private::primitive::String > > ::IS_RESULT,
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
                        type_name: "&'a str",
                    },
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "parts",
                        type_name: "&[u8]",
                    },
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "mail",
                        type_name: "&Mail",
                    },
                    ::asyncmq::__private::ArgumentDefinition {
                        name: "maybe",
                        type_name: "Option<&str>",
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
            __ASYNCMQ_0.write(&self.name, &mut __out)?;
            __ASYNCMQ_1.write(&self.parts, &mut __out)?;
            __ASYNCMQ_2.write(&self.mail, &mut __out)?;
            __ASYNCMQ_3.write(&self.maybe, &mut __out)?;
            ::core::result::Result::Ok(::asyncmq::__private::finish(__out))
        }
        fn __decode(
            __json: &[::asyncmq::__private::primitive::u8],
        ) -> ::core::result::Result<Self, ::asyncmq::__private::TaskError> {
            let mut __stored = ::asyncmq::__private::Stored::of(__json)?;
            let __record = Self {
                name: __ASYNCMQ_0.take(&mut __stored, 0usize)?,
                parts: __ASYNCMQ_1.take(&mut __stored, 1usize)?,
                mail: __ASYNCMQ_2.take(&mut __stored, 2usize)?,
                maybe: __ASYNCMQ_3.take(&mut __stored, 3usize)?,
            };
            __stored.end(4usize)?;
            ::core::result::Result::Ok(__record)
        }
        fn __run(
            __invocation: ::asyncmq::__private::Invocation,
        ) -> ::asyncmq::__private::HandlerFuture {
            ::asyncmq::__private::handler(async move {
                let Self { name: __arg0, parts: __arg1, mail: __arg2, maybe: __arg3 } = <Self as ::asyncmq::__private::Task>::__decode(
                    __invocation.args(),
                )?;
                let __outcome = ::asyncmq::__private::future(
                        borrow(
                            ::asyncmq::__private::lend::<str>(&__arg0),
                            ::asyncmq::__private::lend::<[u8]>(&__arg1),
                            ::asyncmq::__private::lend::<Mail>(&__arg2),
                            ::asyncmq::__private::lend_option::<str>(&__arg3),
                        ),
                    )
                    .await;
                ::asyncmq::__private::encode(&__outcome)
            })
        }
    }
    ::asyncmq::__private::inventory::submit! {
        ::asyncmq::__private::Registered(< borrow as ::asyncmq::__private::Task >
        ::__DEFINITION)
    }
};

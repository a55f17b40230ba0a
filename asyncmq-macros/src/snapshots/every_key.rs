async fn all(user: User) {}
#[doc(hidden)]
struct all {
    pub user: User,
}
#[allow(deprecated, clippy::too_many_arguments)]
const _: () = {
    const __ASYNCMQ_0: ::jobs::__private::Slot<User> = ::jobs::__private::Slot::<
        User,
    >::new("user")
        .default(<User as ::core::default::Default>::default);
    impl all {
        /// Describes a job of this task. Nothing is sent before it is enqueued.
        pub fn job(user: User) -> ::jobs::__private::JobBuilder<all> {
            ::jobs::__private::JobBuilder::__of(&Self { user: user })
        }
        /// Describes a job of this task, of whose arguments some may be what other jobs return: nodes of a flow.
        pub fn with(
            user: impl ::jobs::__private::Feed<User>,
        ) -> ::jobs::__private::JobBuilder<all> {
            ::jobs::__private::FedArguments::default().put(&__ASYNCMQ_0, user).job()
        }
        /// Enqueues a job of this task through the default client, once the future is awaited.
        pub fn enqueue(user: User) -> ::jobs::__private::Enqueue<all> {
            Self::job(user).enqueue()
        }
    }
    impl ::jobs::__private::Task for all {
        const NAME: &'static ::jobs::__private::primitive::str = "app.all";
        const QUEUE: &'static ::jobs::__private::primitive::str = "all";
        type Output = ();
        const __DEFINITION: &'static ::jobs::__private::TaskDefinition = {
            &::jobs::__private::TaskDefinition {
                name: <Self as ::jobs::__private::Task>::NAME,
                queue: <Self as ::jobs::__private::Task>::QUEUE,
                options: {
                    let mut __options = ::jobs::__private::TaskOptions::__with_backoff(
                        ::jobs::__private::Backoff::List(
                            ::jobs::__private::Cow::Borrowed(
                                &[
                                    ::jobs::__private::Duration::from_secs(1u64),
                                    ::jobs::__private::Duration::new(1u64, 500000000u32),
                                ],
                            ),
                        ),
                    );
                    __options.retries = 3u32;
                    __options.ttl = ::core::option::Option::Some(
                        ::jobs::__private::Duration::from_secs(300u64),
                    );
                    __options.timeout = ::core::option::Option::Some(
                        ::jobs::__private::Duration::from_secs(30u64),
                    );
                    __options.priority = 0u8;
                    __options.delay = ::core::option::Option::Some(
                        ::jobs::__private::Duration::from_secs(1u64),
                    );
                    __options.rate_limit = ::core::option::Option::Some(
                        ::jobs::__private::RateLimit::per(
                            100u32,
                            ::jobs::__private::Duration::from_secs(1u64),
                        ),
                    );
                    __options.concurrency = ::core::option::Option::Some(10u32);
                    __options.on_limit = ::core::option::Option::Some(
                        ::jobs::__private::OnLimit::Discard,
                    );
                    __options.keyed = true;
                    __options.dedup = ::core::option::Option::Some(
                        ::jobs::__private::Dedup::Debounce(
                            ::jobs::__private::Duration::from_secs(10u64),
                        ),
                    );
                    __options.cron = ::core::option::Option::Some("0 9 * * 1-5");
                    __options.tz = ::core::option::Option::Some("Europe/Zurich");
                    __options.retain = ::jobs::__private::Retention::For(
                        ::jobs::__private::Duration::from_secs(3600u64),
                    );
                    __options.version = 2u32;
                    __options.sandbox = true;
                    __options.memory = ::core::option::Option::Some(536870912u64);
                    __options.tags = &["a", "b"];
                    __options
                },
                arguments: &[
                    ::jobs::__private::ArgumentDefinition {
                        name: "user",
                        type_name: "User",
                    },
                ],
                states: &[],
                hears_cancel: false,
                blocking: false,
                package: ::jobs::__private::package(
                    ::core::option_env!("CARGO_PKG_NAME"),
                ),
                file: ::core::file!(),
                line: ::core::line!(),
                run: <Self as ::jobs::__private::Task>::__run,
                backoff: ::core::option::Option::None,
                dedup_key: ::jobs::__private::dedup_key::<Self>(),
            }
        };
        fn __encode(
            &self,
        ) -> ::core::result::Result<
            ::jobs::__private::Bytes,
            ::jobs::__private::primitive::String,
        > {
            let mut __out = ::jobs::__private::primitive::Vec::new();
            __ASYNCMQ_0.write(&self.user, &mut __out)?;
            ::core::result::Result::Ok(::jobs::__private::finish(__out))
        }
        fn __decode(
            __json: &[::jobs::__private::primitive::u8],
        ) -> ::core::result::Result<Self, ::jobs::__private::TaskError> {
            let mut __stored = ::jobs::__private::Stored::of(__json)?;
            let __record = Self {
                user: __ASYNCMQ_0.take(&mut __stored, 0usize)?,
            };
            __stored.end(1usize)?;
            ::core::result::Result::Ok(__record)
        }
        fn __run(
            __invocation: ::jobs::__private::Invocation,
        ) -> ::jobs::__private::HandlerFuture {
            ::jobs::__private::handler(async move {
                let Self { user: __arg0 } = <Self as ::jobs::__private::Task>::__decode(
                    __invocation.args(),
                )?;
                let __outcome = ::jobs::__private::future(all(__arg0)).await;
                ::jobs::__private::encode(&__outcome)
            })
        }
        fn __key(&self) -> ::core::option::Option<::jobs::__private::primitive::String> {
            let Self { user } = self;
            let _ = (user,);
            ::jobs::__private::keyed(&(user.id))
        }
        fn __dedup_key(
            &self,
        ) -> ::core::option::Option<::jobs::__private::primitive::String> {
            let Self { user } = self;
            let _ = (user,);
            ::jobs::__private::keyed(&(user.name))
        }
    }
    ::jobs::__private::inventory::submit! {
        ::jobs::__private::Registered(< all as ::jobs::__private::Task > ::__DEFINITION)
    }
};

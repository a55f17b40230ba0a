//! Every address there is, with who may use it: the router is built from this list, and so are the tests of who may do what.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::access::guard::{dress, guard};
use super::access::{Role, login};
use super::state::Shared;
use super::{api, assets, health, live, pages, suggest};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Anybody, also who is not known.
    Nobody,
    /// Whoever has this role or a higher one.
    Role(Role),
}

/// One address.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    handler: fn() -> MethodRouter<Shared>,
}

impl Route {
    /// Tells whether machines ask here how the dashboard is, who are told nothing else.
    pub(super) fn is_probe(&self) -> bool {
        matches!(self.path, "/health" | "/ready")
    }

    /// Tells whether pages ask here by themselves.
    pub(super) fn is_by_itself(&self) -> bool {
        matches!(self.path, "/live" | "/live/events" | "/suggest" | "/assets/{name}")
    }
}

/// The longest form; one with the ids of a page of jobs has some 30 KiB.
const LONGEST_FORM: usize = 256 * 1024;

macro_rules! routes {
    ($($method:ident $path:literal $needs:ident $handler:path,)*) => {
        /// Every address there is.
        pub(super) static ROUTES: &[Route] = &[$(Route {
            method: routes!(@method $method),
            path: $path,
            needs: routes!(@needs $needs),
            handler: || routes!(@route $method)($handler),
        },)*];
    };
    (@method GET) => { Method::GET };
    (@method POST) => { Method::POST };
    (@route GET) => { get };
    (@route POST) => { post };
    (@needs Nobody) => { Needs::Nobody };
    (@needs $role:ident) => { Needs::Role(Role::$role) };
}

routes! {
    GET "/health" Nobody health::health,
    GET "/ready" Nobody health::ready,
    GET "/assets/{name}" Nobody assets::serve,
    GET "/login" Nobody login::show,
    POST "/login" Nobody login::enter,
    POST "/logout" Viewer login::leave,

    GET "/" Viewer pages::overview::show,
    GET "/queues" Viewer pages::queues::list,
    GET "/queue" Viewer pages::queue::show,
    POST "/queue/pause" Operator pages::queue::pause,
    POST "/queue/resume" Operator pages::queue::resume,
    GET "/queue/clear" Admin pages::clear::preview,
    POST "/queue/clear" Admin pages::clear::carry_out,
    GET "/jobs" Viewer pages::jobs::list,
    GET "/dead" Viewer pages::jobs::dead,
    GET "/job" Viewer pages::job::show,
    POST "/job/retry" Operator pages::job_orders::retry,
    POST "/job/cancel" Operator pages::job_orders::cancel,
    POST "/job/promote" Operator pages::job_orders::promote,
    POST "/job/remove" Admin pages::job_orders::remove,
    POST "/job/reveal" Admin pages::job::reveal,
    GET "/bulk" Operator pages::bulk::preview,
    POST "/bulk" Operator pages::bulk::carry_out,
    GET "/bulk/run" Operator pages::bulk::run,
    POST "/bulk/stop" Operator pages::bulk::stop,
    GET "/limits" Viewer pages::limits::list,
    GET "/limits/edit" Operator pages::limits::edit,
    POST "/limits/set" Operator pages::limits::set,
    GET "/flows" Viewer pages::flows::list,
    GET "/flow" Viewer pages::flow::show,
    POST "/flow/cancel" Operator pages::flow_orders::cancel,
    POST "/flow/retry" Operator pages::flow_orders::retry,
    POST "/flow/remove" Admin pages::flow_orders::remove,
    GET "/schedules" Viewer pages::schedules::list,
    GET "/schedule" Viewer pages::schedule::show,
    GET "/schedule/edit" Operator pages::schedule_form::show,
    POST "/schedule/put" Operator pages::schedule_orders::put,
    POST "/schedule/pause" Operator pages::schedule_orders::pause,
    POST "/schedule/resume" Operator pages::schedule_orders::resume,
    POST "/schedule/run" Operator pages::schedule_orders::run,
    POST "/schedule/remove" Admin pages::schedule_orders::remove,
    GET "/workers" Viewer pages::workers::list,
    GET "/worker" Viewer pages::workers::show,
    GET "/tasks" Viewer pages::tasks::list,
    GET "/stats" Viewer pages::stats::show,
    GET "/events" Viewer pages::events::list,
    GET "/audit" Viewer pages::audit::list,
    GET "/doctor" Viewer pages::doctor::show,
    GET "/keys" Viewer pages::keys::show,
    GET "/suggest" Viewer suggest::suggest,
    GET "/live" Viewer live::changes,
    GET "/live/events" Viewer live::events,
    GET "/metrics" Viewer health::metrics,

    GET "/api/openapi.json" Viewer api::openapi,
    GET "/api/info" Viewer api::rest::info,
    GET "/api/queues" Viewer api::queues::list,
    GET "/api/queue" Viewer api::queues::info,
    POST "/api/queue/pause" Operator api::queues::pause,
    POST "/api/queue/resume" Operator api::queues::resume,
    POST "/api/queue/drain" Admin api::queues::drain,
    POST "/api/queue/clean" Admin api::queues::clean,
    POST "/api/queue/obliterate" Admin api::queues::obliterate,
    GET "/api/jobs" Viewer api::jobs::list,
    POST "/api/jobs" Operator api::enqueue::add,
    GET "/api/dead" Viewer api::jobs::dead,
    GET "/api/job" Viewer api::jobs::inspect,
    POST "/api/job/reveal" Admin api::jobs::reveal,
    POST "/api/job/retry" Operator api::orders::retry,
    POST "/api/job/cancel" Operator api::orders::cancel,
    POST "/api/job/promote" Operator api::orders::promote,
    POST "/api/job/remove" Admin api::orders::remove,
    POST "/api/bulk" Operator api::orders::bulk,
    GET "/api/queue/limits" Viewer api::limits::list,
    POST "/api/queue/limit" Operator api::limits::set,
    GET "/api/flows" Viewer api::flows::list,
    GET "/api/flow" Viewer api::flows::inspect,
    POST "/api/flow/cancel" Operator api::flows::cancel,
    POST "/api/flow/retry" Operator api::flows::retry,
    POST "/api/flow/remove" Admin api::flows::remove,
    GET "/api/schedules" Viewer api::schedules::list,
    GET "/api/schedule" Viewer api::schedules::inspect,
    POST "/api/schedules" Operator api::schedules::put,
    POST "/api/schedule/pause" Operator api::schedules::pause,
    POST "/api/schedule/resume" Operator api::schedules::resume,
    POST "/api/schedule/run" Operator api::schedules::run,
    POST "/api/schedule/remove" Admin api::schedules::remove,
    GET "/api/workers" Viewer api::rest::workers,
    GET "/api/worker" Viewer api::rest::worker,
    GET "/api/tasks" Viewer api::rest::tasks,
    GET "/api/events" Viewer api::rest::events,
    GET "/api/audit" Viewer api::rest::audit,
    GET "/api/history" Viewer api::rest::history,
    GET "/api/doctor" Viewer api::rest::doctor,
}

/// Builds the router.
pub(super) fn router(dashboard: &Shared) -> Router {
    let longest_job = dashboard.client.handle.max_payload() + 64 * 1024;
    let mut router = Router::new();
    for route in ROUTES {
        let takes_jobs = matches!(route.path, "/api/jobs" | "/api/schedules");
        let longest = if takes_jobs { longest_job } else { LONGEST_FORM };
        let handler = (route.handler)()
            .layer(DefaultBodyLimit::max(longest))
            .route_layer(from_fn_with_state((dashboard.clone(), route), guard));
        router = router.route(route.path, handler);
    }
    router
        .fallback(pages::nowhere)
        .layer(from_fn_with_state(dashboard.clone(), dress))
        .with_state(dashboard.clone())
}

/// Lists every route as a method, a path and the role that it needs; for the tests, which hold a table against it.
#[doc(hidden)]
#[must_use]
pub fn __routes() -> Vec<(&'static str, &'static str, Option<Role>)> {
    let role = |needs| match needs {
        Needs::Nobody => None,
        Needs::Role(role) => Some(role),
    };
    ROUTES.iter().map(|route| (route.method.as_str(), route.path, role(route.needs))).collect()
}

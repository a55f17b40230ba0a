//! One request as handlers see it: who asks, from where, with which parameters.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::access::proxy::Origin;
use super::access::token::Fingerprint;
use super::access::{Role, User};
use super::error::Refusal;
use super::state::Shared;
use super::text;
use crate::admin::{Admin, Query as JobQuery};
use crate::error::Error;

/// Who sends a request, as what stands before the routes found out.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) user: User,
    /// The session, if that is how they are known.
    pub(super) session: Option<Fingerprint>,
}

/// One request.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) dashboard: Shared,
    pub(super) visitor: Visitor,
    pub(super) origin: Origin,
    pub(super) query: Params,
}

impl Visit {
    /// Returns the operator's side of the client, which keeps on record who orders.
    pub(super) fn admin(&self) -> Admin {
        let hidden = self.dashboard.conceal.clone();
        self.dashboard.client.admin().hiding(hidden).acting_as(self.visitor.user.name.as_str(), "dashboard")
    }

    /// Carries an order out to its end, and on record, also when whoever gave it does not wait for the answer: the future of a
    /// request is dropped when its connection is gone.
    pub(super) async fn order<T, F>(&self, order: impl FnOnce(Admin) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let outcome = tokio::spawn(order(self.admin())).await;
        self.dashboard.watch.changed();
        outcome.unwrap_or_else(|_| Err(Error::Startup("the order was cut off; the log says why".into())))
    }

    pub(super) const fn role(&self) -> Role {
        self.visitor.user.role
    }

    /// Refuses those who may not, where the route alone does not tell.
    pub(super) fn needs(&self, role: Role) -> Result<(), Refusal> {
        if role <= self.role() {
            return Ok(());
        }
        Err(Refusal::forbidden(format!(
            "this needs the role {role}; {} has {}",
            self.visitor.user.name,
            self.role()
        )))
    }

    /// Returns the address of a place in the dashboard.
    pub(super) fn link(&self, path: &str, params: &[(&str, &str)]) -> String {
        text::link(&self.origin.prefix, path, params)
    }
}

impl FromRequestParts<Shared> for Visit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        let lost = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "this route stands before the guard");
        let visitor = parts.extensions.get::<Visitor>().cloned().ok_or_else(lost)?;
        let origin = parts.extensions.get::<Origin>().cloned().ok_or_else(lost)?;
        let query = Params::of_query(parts)?;
        Ok(Self { dashboard: state.clone(), visitor, origin, query })
    }
}

/// Parameters as they were sent, by a query or a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(Vec<(String, String)>);

/// How many parameters a request may have.
const MOST: usize = 600;

impl Params {
    pub(super) fn of_query(parts: &Parts) -> Result<Self, Refusal> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Self::of(pairs.map_err(|_| Refusal::bad("the query of this address cannot be read"))?.0)
    }

    fn of(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        if MOST < pairs.len() {
            return Err(Refusal::bad(format!(
                "a request has at most {MOST} parameters, this one {}",
                pairs.len()
            )));
        }
        Ok(Self(pairs))
    }

    /// Returns a parameter that says something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Returns one that must be there.
    pub(super) fn must(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::bad(format!("say which: the parameter {name:?} is missing")))
    }

    /// Returns all of one name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Tells whether one of these says something.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    /// Tells whether a box was ticked.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !matches!(value, "0" | "false" | "no"))
    }

    /// Returns a number within bounds, or what it is unless said.
    pub(super) fn number(
        &self,
        name: &str,
        (least, usual, most): (usize, usize, usize),
    ) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else { return Ok(usual) };
        let number = text.parse::<usize>().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            Refusal::bad(format!("{name}={shown:?} is no whole number from {least} to {most}"))
        })
    }

    /// Reads the query language.
    pub(super) fn jobs(&self, name: &str) -> Result<JobQuery, Refusal> {
        let query = self.get(name).unwrap_or_default().parse::<JobQuery>();
        query.map_err(|error| Refusal::from(Error::from(error)))
    }
}

/// The fields of a form.
pub(super) struct Fields(pub(super) Params);

impl FromRequest<Shared> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Refusal> {
        let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let Form(pairs) = form.map_err(|rejection| match rejection {
            FormRejection::InvalidFormContentType(_) => Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a form is sent as application/x-www-form-urlencoded",
            ),
            other => Refusal::new(other.status(), "this form cannot be read, or is too long"),
        })?;
        Params::of(pairs).map(Self)
    }
}

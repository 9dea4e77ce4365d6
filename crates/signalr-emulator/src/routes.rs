//! Which part of the service answers a request, and what lies around all of them.
//!
//! CORS lies around everything else: a browser hides an answer without its headers, also a 401 (signalr-service 2.6).
//! What clients ask for is found here and not by axum's router, which copies and boxes each route with each of its layers
//! for every request: for a client that connects that was an eighth of the instructions.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};
use http::header::CONTENT_TYPE;
use signalr_server::Endpoint;
use tower::{Layer, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::client_endpoint::refusals::telling;
use crate::service::Service;
use crate::{data_plane, limits, metrics};

/// Answers everything that the service is asked.
pub(crate) fn answering(
    service: &Arc<Service>,
    endpoint: &Endpoint,
) -> impl tower::Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    let routes = Arc::new(Routes::new(Arc::clone(service), endpoint.clone()));
    let inside = tower::service_fn(move |request| {
        let routes = Arc::clone(&routes);
        async move { Ok::<_, Infallible>(routes.answer(request).await) }
    });
    let inside = any_origin().layer(CatchPanicLayer::new().layer(inside));
    let metrics: MethodRouter = get(metrics::serve).with_state(Arc::clone(service));
    tower::service_fn(move |request: Request| {
        // Without CORS: no page is to read them.
        let metrics = (request.uri().path() == "/metrics").then(|| metrics.clone());
        let inside = inside.clone();
        async move {
            match metrics {
                Some(metrics) => metrics.oneshot(request).await,
                None => inside.oneshot(request).await.map(IntoResponse::into_response),
            }
        }
    })
}

struct Routes {
    service: Arc<Service>,
    endpoint: Endpoint,
    /// What servers call.
    calls: Router,
}

impl Routes {
    fn new(service: Arc<Service>, endpoint: Endpoint) -> Self {
        let serve = any(data_plane::serve).with_state(Arc::clone(&service));
        let calls = Router::new().route("/api/openapi.json", get(openapi)).fallback_service(serve);
        Self { service, endpoint, calls }
    }

    async fn answer(&self, request: Request) -> Response {
        if let Some(refusal) = limits::refusal(&self.service, &request) {
            return refusal;
        }
        // The second slash is what a client makes of the address `.../client/` (signalr-service 2.1 item 3).
        match request.uri().path() {
            "/client" | "/client/" => telling(&self.service, request, |request| self.endpoint.connect(request)).await,
            "/client/negotiate" | "/client//negotiate" => {
                telling(&self.service, request, |request| self.endpoint.negotiate(request)).await
            }
            _ => self.calls.clone().oneshot(request).await.into_response(),
        }
    }
}

/// The description of the REST interface. It tells no secret, so it needs no token.
async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json; charset=utf-8")], include_str!("../openapi.json"))
}

/// Every origin, method and header, with credentials: `*` would not do (signalr-service 2.6).
fn any_origin() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .allow_credentials(true)
}

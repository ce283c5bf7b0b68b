//! `GET /lambda`: what each function did. `POST /lambda/evict[?function=NAME]`: the next invocation of each is a cold
//! start.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;

use axum::Json;
use axum::Router;
use axum::extract::Query;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Function;
use super::Functions;
use super::tasks::Tasks;

/// Serves until `cancel`, on 127.0.0.1 and a free port; the base URL.
pub(super) async fn serve(
    functions: Functions,
    tasks: &Tasks,
    cancel: CancellationToken,
) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let routes = Router::new()
        .route("/lambda", get(figures))
        .route("/lambda/evict", post(evict))
        .with_state(functions);
    tasks.spawn(async move {
        tokio::select! {
            served = axum::serve(listener, routes).into_future() => {
                if let Err(error) = served {
                    tracing::warn!(%error, "the admin api of the lambda host ended");
                }
            }
            () = cancel.cancelled() => {}
        }
    });
    Ok(url)
}

async fn figures(State(functions): State<Functions>) -> Response {
    Json(functions.figures()).into_response()
}

#[derive(Deserialize)]
struct Which {
    function: Option<String>,
}

async fn evict(State(functions): State<Functions>, Query(which): Query<Which>) -> Response {
    let function = match which.function.as_deref().map(|name| (name, Function::named(name))) {
        None => None,
        Some((_, Some(function))) => Some(function),
        Some((name, None)) => {
            let names: BTreeMap<&str, _> = [("unknown", name)].into();
            return (StatusCode::NOT_FOUND, Json(names)).into_response();
        }
    };
    Json(json!({ "evicted": functions.evict(function) })).into_response()
}

//! Who may come at all: with an allowlist, only its addresses; a request of which nobody knows where it comes from is
//! refused then. Without one, everybody.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::domain::cidr::Cidr;
use crate::http::error::ApiError;
use crate::http::source::SourceAddress;
use crate::state::App;

pub(super) async fn allow_listed(State(app): State<App>, request: Request, next: Next) -> Response {
    let source = request.extensions().get::<SourceAddress>().map(|source| source.0);
    if is_allowed(&app.config.ip_allowlist, source) {
        next.run(request).await
    } else {
        ApiError::AddressNotAllowed.into_response()
    }
}

fn is_allowed(allowlist: &[Cidr], source: Option<IpAddr>) -> bool {
    allowlist.is_empty()
        || source.is_some_and(|source| allowlist.iter().any(|range| range.contains(source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_lets_in_its_addresses_only_and_none_lets_in_everybody() {
        let list: Vec<Cidr> =
            ["192.0.2.0/24", "2001:db8::/32"].map(|range| range.parse().unwrap()).into();
        let allowed = |source: &str| is_allowed(&list, Some(source.parse().unwrap()));
        assert!(allowed("192.0.2.200") && allowed("::ffff:192.0.2.200") && allowed("2001:db8::1"));
        assert!(!allowed("192.0.3.1") && !allowed("::192.0.2.200") && !allowed("2001:db9::1"));
        assert!(!is_allowed(&list, None), "an unknown address is on no list");
        assert!(is_allowed(&[], None) && is_allowed(&[], Some([203, 0, 113, 9].into())));
    }
}

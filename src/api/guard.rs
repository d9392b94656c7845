//! Keeps other sites' pages out: a browser on this machine reaches loopback too, whoever wrote the page it shows.

use hyper::header::{HOST, ORIGIN};
use hyper::{HeaderMap, Uri};

use super::auth::Peer;
use super::error::ApiError;

/// Against DNS rebinding: the request must be addressed to a name that is ours. A name counts as ours when it is a loopback
/// name, the address the connection came in on, or configured.
pub(super) fn host(peer: Peer, uri: &Uri, headers: &HeaderMap, hosts: &[String]) -> Result<(), ApiError> {
    let Peer::Tcp { local, .. } = peer else { return Ok(()) };
    let mut given = headers.get_all(HOST).iter();
    let host = match (given.next(), given.next()) {
        (Some(host), None) => host.to_str().map_err(|_| ApiError::misdirected())?,
        (None, _) => return Err(ApiError::bad_request("The Host header is missing!")),
        (Some(_), Some(_)) => return Err(ApiError::bad_request("The Host header is given more than once!")),
    };
    let ours = |authority: &str| {
        let name = name(authority);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        name.eq_ignore_ascii_case("localhost")
            || hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
            || address.is_ok_and(|ip| ip.to_canonical() == local.ip().to_canonical() || ip.to_canonical().is_loopback())
    };
    // A target with a host in it counts as much as the header.
    if !ours(host) || uri.authority().is_some_and(|authority| !ours(authority.as_str())) {
        return Err(ApiError::misdirected());
    }
    Ok(())
}

/// Against requests that another site's page sends: what changes anything must come from our own page, or from no page.
pub(super) fn origin(headers: &HeaderMap, hosts: &[String]) -> Result<(), ApiError> {
    let refusal = || ApiError::forbidden("This request was sent by a page of another site.");
    for site in headers.get_all("sec-fetch-site") {
        if !matches!(site.as_bytes(), b"same-origin" | b"none") {
            return Err(refusal());
        }
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    for origin in headers.get_all(ORIGIN) {
        let origin = origin.to_str().map_err(|_| refusal())?;
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).ok_or_else(refusal)?;
        // A configured name may be a proxy's, which asks us by another one; another port of loopback is another site.
        let own = host.is_some_and(|host| host.eq_ignore_ascii_case(authority));
        if !own && !hosts.iter().any(|host| host.eq_ignore_ascii_case(name(authority))) {
            return Err(refusal());
        }
    }
    Ok(())
}

/// The host of an authority, without its port.
fn name(authority: &str) -> &str {
    match authority.rfind(']') {
        Some(end) if authority.starts_with('[') => &authority[..=end],
        _ => authority.split_once(':').map_or(authority, |(name, _)| name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(local: &str, host_header: &str) -> bool {
        let peer = Peer::Tcp { local: local.parse().unwrap(), remote: "127.0.0.1:9".parse().unwrap() };
        let headers = HeaderMap::from_iter([(HOST, host_header.parse().unwrap())]);
        host(peer, &Uri::from_static("/"), &headers, &["turnaway.example".to_owned()]).is_ok()
    }

    #[test]
    fn only_our_own_names_are_answered() {
        for own in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8080",
            "[::1]",
            "192.0.2.1:1",
            "turnaway.example",
            "Turnaway.Example:443",
        ] {
            assert!(check("192.0.2.1:8080", own), "{own}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "192.0.2.2",
            "",
            ":80",
            "[",
            "[::1",
            "[::2]",
            "127.0.0.1.evil.example",
            "turnaway.example.evil.example",
            "]:80",
            "a@localhost",
        ] {
            assert!(!check("192.0.2.1:8080", foreign), "{foreign}");
        }
        assert!(check("[::ffff:192.0.2.1]:80", "192.0.2.1"), "mapped addresses are the same");
    }

    #[test]
    fn only_our_own_page_may_change_anything() {
        let ok = |pairs: &[(&'static str, &str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            origin(&HeaderMap::from_iter(headers), &["turnaway.example".to_owned()]).is_ok()
        };
        assert!(ok(&[("host", "localhost:80")]), "no browser");
        assert!(ok(&[("host", "localhost:8080"), ("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(ok(&[("host", "127.0.0.1:8080"), ("origin", "https://turnaway.example")]), "behind a proxy");
        assert!(!ok(&[("host", "localhost:8080"), ("origin", "http://localhost:3000")]));
        assert!(!ok(&[("host", "localhost:8080"), ("origin", "null")]));
        assert!(!ok(&[("host", "localhost:8080"), ("origin", "http://evil.example")]));
        assert!(!ok(&[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")]));
        assert!(!ok(&[("host", "localhost:8080"), ("sec-fetch-site", "same-site")]));
        assert!(!ok(&[("host", "localhost:8080"), ("origin", "http://localhost:8080"), ("origin", "http://evil.example")]));
    }
}

//! Pages of other sites, other names, and our own page's headers.

use super::harness::*;

#[tokio::test]
async fn a_page_of_another_site_deletes_nothing() {
    let server = Server::start(Options { tokens: true, hosts: vec!["turnaway.example".into()], ..Options::default() }).await;
    let token = format!("Authorization: Bearer {}\r\n", server.operator);
    for evil in [
        "Origin: http://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: http://localhost:1",
    ] {
        let answer = server.ask("DELETE", CLIENT, &format!("{token}{evil}\r\n")).await;
        answer.error(403, 20, "This request was sent by a page of another site.");
    }
    assert_eq!(server.store.count().unwrap(), 3);
    let own = format!("{token}Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", server.addr);
    assert_eq!(server.ask("DELETE", &format!("{CLIENT}?clientId=tls-1"), &own).await.status, 200);
    let proxied = format!("{token}Origin: https://turnaway.example\r\n");
    assert_eq!(server.ask("DELETE", CLIENT, &proxied).await.status, 200);
}

#[tokio::test]
async fn only_requests_to_our_own_names_are_answered() {
    let server = Server::start(Options { hosts: vec!["turnaway.example".into()], ..Options::default() }).await;
    for (host, status) in [
        ("Host: localhost", 200),
        ("Host: 127.0.0.1:1", 200),
        ("Host: [::1]:8080", 200),
        ("Host: turnaway.example", 200),
        ("Host: evil.example", 421),
        ("Host: 192.0.2.1", 421),
        ("X: y", 400),
        ("Host: localhost\r\nHost: evil.example", 400),
    ] {
        let answer = server.raw(format!("GET /healthz HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(answer.status, status, "{host}");
    }
    let absolute = server.raw(b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert_eq!(absolute.status, 421);
}

#[tokio::test]
async fn the_page_is_strict_and_cached_by_its_version() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/page.js", "text/javascript"),
        ("/api.js", "text/javascript"),
        ("/dialogs.js", "text/javascript"),
        ("/dom.js", "text/javascript"),
        ("/filters.js", "text/javascript"),
        ("/live.js", "text/javascript"),
        ("/model.js", "text/javascript"),
        ("/overview.js", "text/javascript"),
        ("/table.js", "text/javascript"),
        ("/page.css", "text/css"),
    ] {
        let answer = server.get(path).await;
        assert!(answer.header("content-type").unwrap().starts_with(kind));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let tag = answer.header("etag").unwrap();
        let again = server.ask("GET", path, &format!("If-None-Match: \"x\", W/{tag}\r\n")).await;
        assert!(again.status == 304 && again.body.is_empty(), "{again:?}");
        assert_eq!(server.ask("GET", path, "If-None-Match: \"x\"\r\n").await.status, 200);
    }
}

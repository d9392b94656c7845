//! Who may do what: every route for every role.

use super::harness::*;

/// What every route must answer: anyone, auditor, operator. The target is one that succeeds where the role allows it.
const EXPECTED: &[(&str, &str, &str, [u16; 3])] = &[
    ("GET", CLIENT, "/api/unauthorized/client?pageSize=10&page=0", [401, 200, 200]),
    ("GET", "/api/unauthorized/client/v2", "/api/unauthorized/client/v2?pageSize=10&page=0", [401, 200, 200]),
    ("GET", "/api/unauthorized/client/summary", "/api/unauthorized/client/summary", [401, 200, 200]),
    ("DELETE", CLIENT, "/api/unauthorized/client?clientId=Sensor-1", [401, 403, 200]),
    ("GET", "/api/unauthorized/client/export", "/api/unauthorized/client/export?format=ndjson", [401, 200, 200]),
    ("GET", "/api/unauthorized/client/events", "/api/unauthorized/client/events", [401, 200, 200]),
    ("GET", "/api/reasons", "/api/reasons", [401, 200, 200]),
    ("GET", "/api/sources", "/api/sources", [401, 200, 200]),
    ("GET", "/metrics", "/metrics", [401, 200, 200]),
    // Without a body: that it is asked for JSON shows that anyone may ask.
    ("POST", "/api/auth/login", "/api/auth/login", [415, 415, 415]),
    ("POST", "/api/auth/token", "/api/auth/token", [415, 415, 415]),
    ("GET", "/openapi.json", "/openapi.json", [200, 200, 200]),
    ("GET", "/healthz", "/healthz", [200, 200, 200]),
    ("GET", "/readyz", "/readyz", [200, 200, 200]),
    ("GET", "/", "/", [200, 200, 200]),
    ("GET", "/page.js", "/page.js", [200, 200, 200]),
    ("GET", "/api.js", "/api.js", [200, 200, 200]),
    ("GET", "/dialogs.js", "/dialogs.js", [200, 200, 200]),
    ("GET", "/dom.js", "/dom.js", [200, 200, 200]),
    ("GET", "/filters.js", "/filters.js", [200, 200, 200]),
    ("GET", "/live.js", "/live.js", [200, 200, 200]),
    ("GET", "/model.js", "/model.js", [200, 200, 200]),
    ("GET", "/overview.js", "/overview.js", [200, 200, 200]),
    ("GET", "/table.js", "/table.js", [200, 200, 200]),
    ("GET", "/page.css", "/page.css", [200, 200, 200]),
];

#[test]
fn every_route_is_in_the_tested_list() {
    let routes: Vec<_> = ROUTES.iter().map(|route| (route.method, route.path)).collect();
    let tested: Vec<_> = EXPECTED.iter().map(|(method, path, ..)| (*method, *path)).collect();
    assert_eq!(routes, tested);
    for (route, (.., expected)) in ROUTES.iter().zip(EXPECTED) {
        let public = route.access == Access::Public;
        assert_eq!(public, expected[0] != 401, "{}", route.path);
        let changes_nothing = route.method == "GET" || route.path.starts_with("/api/auth/");
        assert!(changes_nothing || route.access == Access::Needs(Role::Operator), "{}", route.path);
    }
}

#[tokio::test]
async fn an_answer_says_what_the_caller_may_do_and_how_many_rows_went() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let role = "x-turnaway-role";
    for (token, word) in [(&server.auditor, "auditor"), (&server.operator, "operator")] {
        for target in ["/api/unauthorized/client?pageSize=10&page=0", "/api/reasons"] {
            assert_eq!(server.ask("GET", target, &bearer(token)).await.header(role), Some(word));
        }
        // Where nobody may delete, nobody is an operator.
        assert_eq!(server.ask_reading("GET", "/api/reasons", &bearer(token)).await.header(role), Some("auditor"));
        assert_eq!(server.ask("GET", "/healthz", &bearer(token)).await.header(role), None);
    }
    assert_eq!(server.ask("GET", "/api/reasons", "").await.header(role), None);
    assert_eq!(server.ask_unix("t.sock", "GET", "/api/reasons").await.header(role), Some("operator"));
    for (target, rows) in [(format!("{CLIENT}?clientId=Sensor-1"), "1"), (CLIENT.to_owned(), "2"), (CLIENT.to_owned(), "0")] {
        let answer = server.ask("DELETE", &target, &bearer(&server.operator)).await;
        assert_eq!((answer.status, answer.header("x-turnaway-deleted"), answer.body.len()), (200, Some(rows), 0));
    }
}

#[tokio::test]
async fn every_route_answers_each_role_as_it_should() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let (auditor, operator) = (&server.auditor, &server.operator);
    for (method, path, target, expected) in EXPECTED {
        let cases = [
            (String::new(), expected[0]),
            ("Authorization: Bearer turnaway_0000\r\n".to_owned(), expected[0]),
            (format!("Authorization: Basic {operator}\r\n"), expected[0]),
            (format!("Authorization: Bearer {auditor}\r\n"), expected[1]),
            (format!("X-Authorization: Bearer {auditor}\r\n"), expected[1]),
            // TBMQ's header is looked at first; blank, it gives way.
            (format!("X-Authorization: Bearer {auditor}\r\nAuthorization: Bearer {operator}\r\n"), expected[1]),
            (format!("X-Authorization: \r\nAuthorization: bearer {operator}\r\n"), expected[2]),
        ];
        for (headers, status) in cases {
            let answer = server.ask(method, target, &headers).await;
            assert_eq!(answer.status, status, "{method} {target} {headers}: {answer:?}");
            if status == 401 {
                answer.error(401, 10, "Authentication failed");
                assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
            }
        }
        let wrong = server.ask("PATCH", path, &format!("Authorization: Bearer {operator}\r\n")).await;
        assert_eq!(wrong.status, 405, "{path}");
        assert!(wrong.header("allow").unwrap().contains(method));
        let elsewhere =
            server.raw(format!("{method} {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(elsewhere.status, 421, "{path}");
        let large = server.ask(method, target, "Content-Length: 70000\r\n").await;
        assert_eq!(large.status, 413, "{path}");
    }
    server.ask("GET", "/api/nothing", "").await.error(404, 32, "There is nothing at this path.");
    server.ask("GET", "/api/unauthorized/client/", "").await.error(404, 32, "There is nothing at this path.");
}

#[tokio::test]
async fn loopback_without_tokens_reads_and_does_not_delete() {
    let server = Server::start(Options::default()).await;
    for (method, _, target, expected) in EXPECTED {
        let answer = server.ask(method, target, "").await;
        assert_eq!(answer.status, expected[1], "{method} {target}");
        if answer.status == 403 {
            assert_eq!(answer.json()["errorCode"], 20);
            assert!(answer.message().contains("turnaway token new"), "{}", answer.message());
        }
    }
    assert_eq!(server.ask("DELETE", CLIENT, "").await.status, 403);
    assert_eq!(server.store.count().unwrap(), 3);
}

#[tokio::test]
async fn the_unix_socket_makes_an_operator() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let mode = std::fs::metadata(server.dir.path().join("t.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    for (method, _, target, expected) in EXPECTED {
        assert_eq!(server.ask_unix("t.sock", method, target).await.status, expected[2], "{method} {target}");
    }
    assert_eq!(server.ask_unix("t.sock", "DELETE", CLIENT).await.status, 200);
    assert_eq!(server.store.count().unwrap(), 0);
}

#[tokio::test]
async fn a_place_for_reading_allows_nobody_more() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let mode = std::fs::metadata(server.dir.path().join("reading.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (method, _, target, expected) in EXPECTED {
        for (token, role) in [("", 0), (server.auditor.as_str(), 1), (server.operator.as_str(), 1)] {
            let headers = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
            let answer = server.ask_reading(method, target, &headers).await;
            assert_eq!(answer.status, expected[role], "{method} {target} {token}");
        }
        assert_eq!(server.ask_unix("reading.sock", method, target).await.status, expected[1], "{method} {target}");
    }
    let headers = format!("Authorization: Bearer {}\r\n", server.operator);
    let answer = server.ask_reading("DELETE", CLIENT, &headers).await;
    assert!(answer.message().contains("for reading only"), "{answer:?}");
    assert_eq!(server.store.count().unwrap(), 3);
}

#[tokio::test]
async fn a_socket_is_given_to_the_group_that_is_named() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let dir = tempfile::tempdir().unwrap();
    let place = Listen::Unix(dir.path().join("g.sock"));
    // A group that this process certainly is in.
    let own = std::fs::metadata(dir.path()).unwrap().gid();
    let rule = |group| Rule { mode: 0o620, group: Some(group), ..Rule::default() };
    let tokens = |group| Tokens::default().with_rules(Rules::new(vec![(place.clone(), rule(group))]));
    let bound = bind(std::slice::from_ref(&place), &tokens(own)).await.unwrap();
    let found = std::fs::metadata(dir.path().join("g.sock")).unwrap();
    assert_eq!((found.gid(), found.permissions().mode() & 0o777), (own, 0o620));
    drop(bound);
    if !rustix::process::geteuid().is_root() {
        let error = bind(std::slice::from_ref(&place), &tokens(0)).await.unwrap_err();
        assert!(matches!(error, ListenError::Group { .. }) && error.to_string().contains("member"), "{error}");
    }
}

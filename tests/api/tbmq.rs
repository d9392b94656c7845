//! TBMQ's own clients: the documented calls with curl, and the requests of its web UI's service, as they go over the wire.

use super::harness::*;

/// What `encodeURIComponent` does to a text.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The UI's page link: its parameters in its order; what is empty is left out, a text search is trimmed.
fn page_link(text_search: &str) -> String {
    let mut query = "pageSize=10&page=0".to_owned();
    if !text_search.trim().is_empty() {
        query += &format!("&textSearch={}", encoded(text_search.trim()));
    }
    query + "&sortProperty=ts&sortOrder=DESC"
}

struct Browser {
    server: Server,
    token: String,
    refresh: String,
}

impl Browser {
    /// The UI logs in with a form; the password is a token of ours.
    async fn log_in(server: Server, secret: &str) -> Browser {
        let mut this = Browser { server, token: String::new(), refresh: String::new() };
        let pair = this.post("/api/auth/login", &json!({ "username": "sysadmin@thingsboard.org", "password": secret })).await;
        assert_eq!(pair.status, 200, "{pair:?}");
        this.take(&pair.json());
        this
    }

    fn take(&mut self, pair: &Value) {
        self.token = pair["token"].as_str().unwrap().to_owned();
        self.refresh = pair["refreshToken"].as_str().unwrap().to_owned();
        assert_eq!(pair.as_object().unwrap().len(), 2);
    }

    fn headers(&self) -> String {
        let host = self.server.addr;
        format!(
            "X-Authorization: Bearer {}\r\nAccept: application/json, text/plain, */*\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n",
            self.token
        )
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let stream = TcpStream::connect(self.server.addr).await.unwrap();
        exchange(stream, &format!("POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}", self.server.addr)).await
    }

    async fn get(&self, target: &str) -> Answer {
        self.server.ask("GET", target, &self.headers()).await
    }

    async fn delete(&self, target: &str) -> Answer {
        self.server.ask("DELETE", target, &self.headers()).await
    }
}

async fn server() -> (Server, String, String) {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let (auditor, operator) = (server.auditor.clone(), server.operator.clone());
    (server, auditor, operator)
}

#[tokio::test]
async fn the_uis_service_lists_filters_gets_and_deletes() {
    let (server, _, operator) = server().await;
    let ui = Browser::log_in(server, &operator).await;
    // getUnauthorizedClients
    let page = ui.get(&format!("/api/unauthorized/client?{}", page_link(""))).await;
    assert_eq!(page.ids(), ["tls-1", "sensor 2/ü", "Sensor-1"]);
    let keys: Vec<String> = page.json()["data"][0].as_object().unwrap().keys().cloned().collect();
    for field in ["clientId", "ipAddress", "ts", "username", "passwordProvided", "tlsUsed", "reason"] {
        assert!(keys.iter().any(|key| key == field), "{field}");
    }
    // getUnauthorizedClientV2: the filters follow the page link; empty ones are sent, lists repeat their name.
    let filtered = |query: &str, search: &str| format!("/api/unauthorized/client/v2?{}{query}", page_link(search));
    for (query, search, ids) in [
        ("&clientId=&ipAddress=&username=&reason=", "", &["tls-1", "sensor 2/ü", "Sensor-1"][..]),
        (
            "&passwordProvidedList=true&passwordProvidedList=false&tlsUsedList=true&tlsUsedList=false",
            "",
            &["tls-1", "sensor 2/ü", "Sensor-1"],
        ),
        ("&tlsUsedList=true", " TLS ", &["tls-1"]),
        ("&username=bob", "", &["tls-1"]),
        ("&ipAddress=192.0.2.7&reason=does%20not%20match", "Sensor", &["sensor 2/ü", "Sensor-1"]),
        ("&startTime=1767225600001&endTime=1767225600001", "", &["sensor 2/ü"]),
    ] {
        assert_eq!(ui.get(&filtered(query, search)).await.ids(), ids, "{query}");
    }
    // getUnauthorizedClient
    let one = ui.get(&format!("/api/unauthorized/client?clientId={}", encoded("sensor 2/ü"))).await;
    assert_eq!((one.status, one.json()["clientId"].as_str()), (200, Some("sensor 2/ü")));
    // deleteUnauthorizedClient, one request for each row that is selected
    for id in ["sensor 2/ü", "tls-1"] {
        let done = ui.delete(&format!("/api/unauthorized/client?clientId={}", encoded(id))).await;
        assert!(done.status == 200 && done.body.is_empty(), "{done:?}");
    }
    ui.delete("/api/unauthorized/client?clientId=tls-1").await.error(404, 32, "Requested item wasn't found!");
    assert_eq!(ui.get(&format!("/api/unauthorized/client?{}", page_link(""))).await.ids(), ["Sensor-1"]);
    // deleteAllUnauthorizedClients
    assert_eq!(ui.delete("/api/unauthorized/client").await.status, 200);
    let empty = ui.get(&filtered("", "")).await.json();
    assert_eq!(empty, json!({ "data": [], "totalPages": 0, "totalElements": 0, "hasNext": false }));
}

#[tokio::test]
async fn the_documented_calls_with_curl() {
    let (server, auditor, operator) = server().await;
    let ui = Browser::log_in(server, &operator).await;
    let agent = "User-Agent: curl/8.5.0\r\nAccept: application/json\r\n";
    for token in [&ui.token, &auditor] {
        let headers = format!("{agent}X-Authorization: Bearer {token}\r\n");
        for (query, count) in [
            ("?pageSize=10&page=0", 3),
            ("?pageSize=10&page=0&textSearch=sensor&sortProperty=clientId&sortOrder=ASC", 2),
            (
                "/v2?pageSize=10&page=0&startTime=1767225600000&endTime=1767225600001&clientId=sensor&passwordProvidedList=true&tlsUsedList=false",
                2,
            ),
            ("/v2?pageSize=10&page=0&passwordProvidedList=true,false", 3),
        ] {
            assert_eq!(ui.server.ask("GET", &format!("{CLIENT}{query}"), &headers).await.ids().len(), count, "{query}");
        }
    }
    let headers = format!("{agent}X-Authorization: Bearer {}\r\n", ui.token);
    assert_eq!(ui.server.ask("GET", &format!("{CLIENT}?clientId=Sensor-1"), &headers).await.json()["clientId"], "Sensor-1");
    // `curl -X DELETE`, once with a type and an empty body as generated clients send it.
    let typed = format!("{headers}Content-Type: application/json\r\nContent-Length: 0\r\n");
    assert_eq!(ui.server.ask("DELETE", &format!("{CLIENT}?clientId=Sensor-1"), &typed).await.status, 200);
    assert_eq!(ui.server.ask("DELETE", CLIENT, &headers).await.status, 200);
}

#[tokio::test]
async fn a_login_is_tbmqs() {
    let (server, auditor, _) = server().await;
    let mut ui = Browser::log_in(server, &auditor).await;
    // What it may do is what its token may do.
    assert_eq!(ui.get(&format!("{CLIENT}?pageSize=1&page=0")).await.status, 200);
    assert_eq!(ui.delete(CLIENT).await.json()["errorCode"], 20);
    for (body, status) in [
        (json!({ "username": "x", "password": "wrong" }), 401),
        (json!({ "username": "x", "password": "" }), 401),
        (json!({ "password": "wrong" }), 400),
        (json!([]), 400),
        (json!({ "username": 1, "password": 2 }), 400),
    ] {
        let answer = ui.post("/api/auth/login", &body).await;
        assert_eq!(answer.status, status, "{body}");
        if status == 401 {
            answer.error(401, 10, "Invalid username or password");
        }
    }
    let renewed = ui.post("/api/auth/token", &json!({ "refreshToken": ui.refresh })).await.json();
    ui.take(&renewed);
    assert_eq!(ui.get(&format!("{CLIENT}?pageSize=1&page=0")).await.status, 200);
    // An access token renews nothing, and a refresh token opens nothing.
    ui.post("/api/auth/token", &json!({ "refreshToken": ui.token })).await.error(401, 10, "Authentication failed");
    std::mem::swap(&mut ui.token, &mut ui.refresh);
    ui.get(&format!("{CLIENT}?pageSize=1&page=0")).await.error(401, 10, "Authentication failed");
}

#[tokio::test]
async fn no_page_of_another_site_logs_anybody_in() {
    let (server, auditor, _) = server().await;
    let body = json!({ "username": "x", "password": auditor }).to_string();
    for headers in
        ["Origin: http://evil.example\r\nContent-Type: application/json", "Sec-Fetch-Site: cross-site\r\nContent-Type: application/json"]
    {
        let length = body.len();
        let answer = server.ask("POST", "/api/auth/login", &format!("{headers}\r\nContent-Length: {length}\r\n\r\n{body}")).await;
        answer.error(403, 20, "This request was sent by a page of another site.");
    }
    // What a form can send without asking is not read.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let headers = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        server.ask("POST", "/api/auth/login", &headers).await.error(415, 31, "The body must be sent as application/json!");
    }
}

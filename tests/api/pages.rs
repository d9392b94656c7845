//! TBMQ's answers: pages, filters, errors, deletions.

use super::harness::*;

#[tokio::test]
async fn a_page_is_tbmqs() {
    let server = Server::start(Options::default()).await;
    let answer = server.get(&format!("{CLIENT}?pageSize=2&page=0&sortProperty=ts&sortOrder=desc&unknown=1")).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let page = answer.json();
    assert_eq!((&page["totalPages"], &page["totalElements"], &page["hasNext"]), (&json!(2), &json!(3), &json!(true)));
    let text = String::from_utf8(answer.body).unwrap();
    let first = r#"{"data":[{"clientId":"tls-1","ipAddress":"192.0.2.7","ts":1767225600002,"username":"bob","passwordProvided":true,"tlsUsed":true,"reason":"Password Does Not Match","#;
    assert!(text.starts_with(first), "{text}");

    let past = server.get(&format!("{CLIENT}?pageSize=2&page=9")).await.json();
    assert_eq!(past, json!({ "data": [], "totalPages": 2, "totalElements": 3, "hasNext": false }));
    let plain = server.get(&format!("{CLIENT}?pageSize=1000&page=0")).await;
    assert_eq!(plain.ids(), ["Sensor-1", "sensor 2/ü", "tls-1"], "by client ID");
    let found = server.get(&format!("{CLIENT}?pageSize=9&page=0&textSearch=SENSOR&clientId=tls&tlsUsedList=true")).await;
    assert_eq!(found.ids(), ["Sensor-1", "sensor 2/ü"], "only textSearch filters here");
    // HEAD is GET without a body.
    let head = server.ask("HEAD", &format!("{CLIENT}?pageSize=2&page=0"), "").await;
    assert!(head.status == 200 && head.body.is_empty() && head.header("content-length") != Some("0"));
}

#[tokio::test]
async fn the_filters_of_v2_are_tbmqs_and_ours() {
    let server = Server::start(Options::default()).await;
    for (filter, ids) in [
        ("", &["Sensor-1", "sensor 2/ü", "tls-1"][..]),
        ("&clientId=&username=&textSearch=&broker=&reasonCode=&tlsUsedList=", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&textSearch=sensor&clientId=2", &["sensor 2/ü"]),
        ("&clientId=%C3%9C", &["sensor 2/ü"]),
        ("&clientId=s%25_1", &["Sensor-1", "tls-1"]),
        ("&startTime=1767225600001", &["sensor 2/ü", "tls-1"]),
        ("&endTime=1767225600001", &["Sensor-1", "sensor 2/ü"]),
        ("&startTime=1767225600001&endTime=1767225600001", &["sensor 2/ü"]),
        ("&username=BO", &["tls-1"]),
        ("&ipAddress=192.0.2", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&reason=does+not", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&tlsUsedList=TRUE", &["tls-1"]),
        ("&tlsUsedList=no", &["Sensor-1", "sensor 2/ü"]),
        ("&tlsUsedList=true,false", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&tlsUsedList=true&tlsUsedList=false", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&passwordProvidedList=false", &[]),
        ("&broker=emqx", &["tls-1"]),
        ("&reasonCode=other", &["tls-1"]),
        ("&reasonCode=other,password-does-not-match", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&reasonCode=no-credentials-found", &[]),
    ] {
        assert_eq!(server.get(&format!("{CLIENT}/v2?pageSize=10&page=0{filter}")).await.ids(), ids, "{filter}");
    }
}

#[tokio::test]
async fn errors_are_tbmqs() {
    let server = Server::start(Options::default()).await;
    for (query, message) in [
        ("pageSize=0&page=0", "Incorrect page link page size '0'. Page size must be greater than zero."),
        ("pageSize=-3&page=0", "Incorrect page link page size '-3'. Page size must be greater than zero."),
        ("pageSize=1001&page=0", "Incorrect page link page size '1001'. Page size must not be greater than 1000."),
        ("pageSize=1&page=-1", "Incorrect page link page '-1'. Page must be positive integer."),
        ("pageSize=x&page=0", "Parameter 'pageSize' must be a whole number, not 'x'!"),
        ("pageSize=&page=0", "Parameter 'pageSize' must be a whole number, not ''!"),
        ("pageSize=1&page=0&sortProperty=ts&sortOrder=x", "Unsupported sort order 'x'! Only 'ASC' or 'DESC' types are allowed."),
        ("pageSize=1&page=0&sortProperty=ts;--", "Invalid sort property"),
        ("pageSize=1&pageSize=1&page=0", "Parameter 'pageSize' is given more than once!"),
        ("pageSize=1&page=0&textSearch=a&textSearch=b", "Parameter 'textSearch' is given more than once!"),
    ] {
        server.get(&format!("{CLIENT}?{query}")).await.error(400, 31, message);
        server.get(&format!("{CLIENT}/v2?{query}")).await.error(400, 31, message);
    }
    let unknown = server.get(&format!("{CLIENT}?pageSize=1&page=0&sortProperty=evidence")).await;
    assert!(unknown.status == 400 && unknown.message().starts_with("Unknown sort property 'evidence'! Known are clientId, "));
    // Without a property the order is not looked at.
    assert_eq!(server.get(&format!("{CLIENT}?pageSize=1&page=0&sortOrder=x")).await.status, 200);
    for query in ["startTime=x", "reasonCode=nonsense", &format!("username={}", "x".repeat(1025))] {
        assert_eq!(server.get(&format!("{CLIENT}/v2?pageSize=1&page=0&{query}")).await.status, 400, "{query}");
    }
    server.get(&format!("{CLIENT}?clientId=")).await.error(400, 31, "Parameter 'clientId' can't be empty!");
    server.get(&format!("{CLIENT}?clientId=%20")).await.error(400, 31, "Parameter 'clientId' can't be empty!");
    server.get(&format!("{CLIENT}?clientId=sensor-1")).await.error(404, 32, "Requested item wasn't found!");
    assert_eq!(server.get(CLIENT).await.status, 400);
    assert_eq!(server.get(&format!("{CLIENT}?page=0")).await.status, 400);
    assert_eq!(server.get(&format!("{CLIENT}/v2?clientId=x")).await.status, 400);
}

#[tokio::test]
async fn one_row_is_found_by_its_exact_name() {
    let server = Server::start(Options::default()).await;
    let found = server.get(&format!("{CLIENT}?clientId=sensor%202%2F%C3%BC")).await.json();
    assert_eq!((&found["clientId"], &found["evidence"][0]), (&json!("sensor 2/ü"), &json!("<script>")));
    assert_eq!(server.get(&format!("{CLIENT}?clientId=sensor%25")).await.status, 404);
}

#[tokio::test]
async fn a_deletion_deletes_what_was_asked_and_nothing_else() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let headers = format!("Authorization: Bearer {}\r\n", server.operator);
    let delete = |query: &'static str| {
        let (server, headers) = (&server, &headers);
        async move { server.ask("DELETE", &format!("{CLIENT}{query}"), headers).await }
    };
    delete("?clientId=").await.error(400, 31, "Incorrect clientId ");
    delete("?clientId=nobody").await.error(404, 32, "Requested item wasn't found!");
    for lost in [
        "?clientid=Sensor-1",
        "?client_id=Sensor-1",
        "?x",
        "?clientId=Sensor-1&force=1",
        "?clientId=Sensor-1&clientId=tls-1",
        "?=",
        "?Sensor-1",
    ] {
        assert_eq!(delete(lost).await.status, 400, "{lost}");
    }
    assert_eq!(server.store.count().unwrap(), 3);
    let done = delete("?clientId=Sensor-1").await;
    assert!(done.status == 200 && done.body.is_empty());
    assert_eq!(server.store.count().unwrap(), 2);
    for _ in 0..2 {
        let done = delete("").await;
        assert!(done.status == 200 && done.body.is_empty(), "also when there is nothing");
        assert_eq!(server.store.count().unwrap(), 0);
    }
}

#[tokio::test]
async fn a_summary_sums_up_the_rows_that_fit() {
    let server = Server::start(Options::default()).await;
    let path = "/api/unauthorized/client/summary";
    let all = server.get(path).await.json();
    let listed = server.get(&format!("{CLIENT}/v2?pageSize=100&page=0")).await.json();
    let rows = listed["data"].as_array().unwrap();
    let sum = |key: &str| all[key].as_array().unwrap().iter().map(|part| part["clients"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(all["totalElements"], rows.len());
    assert_eq!([sum("reasons"), sum("brokers")], [rows.len() as u64; 2]);
    assert_eq!(all["attempts"], rows.iter().map(|row| row["attempts"].as_u64().unwrap()).sum::<u64>());
    assert_eq!((&all["startTime"], &all["step"], &all["times"]), (&json!(NOW), &json!(1000), &json!([3])));
    let one = server.get(&format!("{path}?clientId=tls&tlsUsedList=true&spans=1")).await.json();
    assert_eq!(one["brokers"], json!([{ "broker": "emqx", "clients": 1, "attempts": 1 }]));
    let day = server.get(&format!("{path}?startTime={}&endTime={}&spans=24", NOW - 3_600_000, NOW + 3_600_000)).await.json();
    assert_eq!((&day["step"], &day["startTime"]), (&json!(900_000), &json!(NOW - 3_600_000)));
    assert_eq!((day["times"][3].clone(), day["times"][4].clone()), (json!(0), json!(3)));
    let none = server.get(&format!("{path}?clientId=nobody")).await.json();
    let empty = json!({ "totalElements": 0, "attempts": 0, "startTime": null, "step": 0, "times": [], "reasons": [], "brokers": [] });
    assert_eq!(none, empty);
    for wrong in ["spans=0", "spans=501", "spans=x", "startTime=x", "reasonCode=x"] {
        assert_eq!(server.get(&format!("{path}?{wrong}")).await.status, 400, "{wrong}");
    }
}

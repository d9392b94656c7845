//! The OpenAPI document says what the route table and the code say: paths, methods, roles, parameters, statuses.

use std::collections::BTreeSet;

use turnaway::api::OPENAPI;
use turnaway::model::Row;
use turnaway::store::SortBy;

use super::harness::*;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// What a reference stands for; anything else stands for itself.
fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference} leads nowhere")),
        None => value,
    }
}

/// The names of an operation's parameters in the query.
fn parameters(document: &Value, operation: &Value) -> BTreeSet<String> {
    let all = operation["parameters"].as_array().unwrap().iter().map(|parameter| resolve(document, parameter));
    all.filter(|parameter| parameter["in"] == "query").map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_route_is_described_with_its_role_and_nothing_else_is() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone()));
            let route = ROUTES.iter().find(|route| route.path == path && route.method.eq_ignore_ascii_case(method));
            let route = route.unwrap_or_else(|| panic!("there is no {method} {path}"));
            let (role, statuses): (_, &[&str]) = match route.access {
                Access::Public => ("public", &[]),
                Access::Needs(Role::Auditor) => ("auditor", &["401"]),
                Access::Needs(Role::Operator) => ("operator", &["401", "403"]),
            };
            assert_eq!(operation["x-role"], role, "{method} {path}");
            assert_eq!(operation["security"] == json!([]), route.access == Access::Public, "{method} {path}");
            for status in statuses.iter().chain(&["200", "default"]) {
                assert!(operation["responses"][status].is_object(), "{method} {path} {status}");
            }
            for response in operation["responses"].as_object().unwrap().values() {
                assert!(resolve(&document, response)["description"].is_string());
            }
        }
    }
    // The page's files are for browsers.
    let page = |path: &str| path == "/" || path.ends_with(".js") || path.ends_with(".css") || path.ends_with(".svg");
    let routes = ROUTES.iter().filter(|route| !page(route.path));
    assert_eq!(described, routes.map(|route| (route.method.to_owned(), route.path.to_owned())).collect());
}

/// Every parameter is described where it has an effect, and only there: a value that is wrong by its form is refused with 400
/// where the parameter is looked at.
#[tokio::test]
async fn every_parameter_is_described_where_it_is_looked_at() {
    let document = document();
    let server = Server::start(Options::default()).await;
    let long = "x".repeat(1_025);
    let wrong = [
        ("pageSize", "x"),
        ("page", "x"),
        ("sortProperty", "x;"),
        ("sortOrder", "x"),
        ("startTime", "x"),
        ("endTime", "x"),
        ("reasonCode", "x"),
        ("format", "x"),
        ("spans", "0"),
        ("textSearch", &long),
        ("clientId", &long),
        ("ipAddress", &long),
        ("username", &long),
        ("reason", &long),
        ("broker", &long),
    ];
    for (path, base) in [
        (CLIENT, "pageSize=1&page=0&sortProperty=ts"),
        ("/api/unauthorized/client/v2", "pageSize=1&page=0&sortProperty=ts"),
        ("/api/unauthorized/client/summary", ""),
        ("/api/unauthorized/client/export", ""),
        ("/api/unauthorized/client/events", ""),
    ] {
        let described = parameters(&document, &document["paths"][path]["get"]);
        for (name, value) in wrong {
            let kept: Vec<&str> = base.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
            let answer = server.get(&format!("{path}?{}&{name}={value}", kept.join("&"))).await;
            // The exact client ID of one row may be of any length.
            let is_looked_at = described.contains(name) && !(path == CLIENT && name == "clientId");
            assert_eq!(answer.status == 400, is_looked_at, "{path} {name}: {answer:?}");
        }
        let more: BTreeSet<_> = ["passwordProvidedList", "tlsUsedList", "lastEventId"].map(str::to_owned).into();
        let tried: BTreeSet<_> = wrong.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert!(described.is_subset(&(&tried | &more)), "{described:?}");
    }
    let fields: Vec<&str> = SortBy::names().collect();
    assert_eq!(document["components"]["parameters"]["sortProperty"]["schema"]["enum"], json!(fields));
    let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(document["components"]["parameters"]["reasonCode"]["schema"]["enum"], json!(codes));
    assert_eq!(document["components"]["parameters"]["pageSize"]["schema"]["maximum"], Limits::default().page_size);
}

#[test]
fn the_row_is_described_field_by_field() {
    let document = document();
    let row: Row = row("x", NOW);
    let sent = serde_json::to_value(&row).unwrap();
    let names: BTreeSet<&String> = sent.as_object().unwrap().keys().collect();
    let schema = &document["components"]["schemas"]["Row"];
    assert_eq!(names, schema["properties"].as_object().unwrap().keys().collect());
    assert_eq!(schema["required"].as_array().unwrap().len(), names.len(), "all are always sent");
}

#[tokio::test]
async fn the_document_is_served_to_anyone() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let answer = server.get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json(), document());
}

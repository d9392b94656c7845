//! The page's files, embedded.

use std::sync::LazyLock;

use hyper::header::IF_NONE_MATCH;
use hyper::{HeaderMap, Response};

use super::answer;
use super::body::Body;
use super::token::Hash;

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asset {
    /// The document.
    Html,
    /// Its script: state, requests, dialogs.
    Script,
    /// The part of it that makes no elements: texts, times, the view in the address.
    Model,
    /// The part of it that makes elements.
    View,
    /// Its style.
    Style,
}

struct File {
    kind: &'static str,
    text: &'static str,
    etag: String,
}

impl File {
    fn new(kind: &'static str, text: &'static str) -> File {
        let hash = Hash::of(text).to_string();
        File { kind, text, etag: format!("\"{}\"", hash.get(..32).unwrap_or(&hash)) }
    }
}

static FILES: LazyLock<[File; 5]> = LazyLock::new(|| {
    [
        File::new("text/html; charset=utf-8", include_str!("page/index.html")),
        File::new("text/javascript; charset=utf-8", include_str!("page/page.js")),
        File::new("text/javascript; charset=utf-8", include_str!("page/model.js")),
        File::new("text/javascript; charset=utf-8", include_str!("page/view.js")),
        File::new("text/css; charset=utf-8", include_str!("page/page.css")),
    ]
});

/// The file, or 304 if the caller has this version.
pub(super) fn serve(asset: Asset, headers: &HeaderMap) -> Response<Body> {
    let [html, script, model, view, style] = &*FILES;
    let file = match asset {
        Asset::Html => html,
        Asset::Script => script,
        Asset::Model => model,
        Asset::View => view,
        Asset::Style => style,
    };
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == file.etag));
    answer::asset(file.kind, &file.etag, (!known).then_some(file.text))
}

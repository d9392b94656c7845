//! The page's files, embedded. What is sent of them is without comments and indentation, which are for those who read the source.

use std::sync::LazyLock;

use hyper::header::IF_NONE_MATCH;
use hyper::{HeaderMap, Response};

use super::answer;
use super::body::Body;
use super::error::ApiError;
use super::token::Hash;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: String,
    /// Its version.
    etag: String,
}

impl File {
    fn new(path: &'static str, kind: &'static str, source: &str) -> File {
        let text = lean(source);
        let hash = Hash::of(&text).to_string();
        File { path, kind, text, etag: format!("\"{}\"", hash.get(..32).unwrap_or(&hash)) }
    }
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    vec![
        File::new("/", HTML, include_str!("page/index.html")),
        File::new("/page.js", SCRIPT, include_str!("page/page.js")),
        File::new("/api.js", SCRIPT, include_str!("page/api.js")),
        File::new("/dialogs.js", SCRIPT, include_str!("page/dialogs.js")),
        File::new("/dom.js", SCRIPT, include_str!("page/dom.js")),
        File::new("/filters.js", SCRIPT, include_str!("page/filters.js")),
        File::new("/live.js", SCRIPT, include_str!("page/live.js")),
        File::new("/model.js", SCRIPT, include_str!("page/model.js")),
        File::new("/overview.js", SCRIPT, include_str!("page/overview.js")),
        File::new("/table.js", SCRIPT, include_str!("page/table.js")),
        File::new("/page.css", STYLE, include_str!("page/page.css")),
    ]
});

/// The text without its comments, each of which has lines of its own, and without indentation.
fn lean(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut in_comment = false;
    for line in source.lines().map(str::trim) {
        if in_comment || line.starts_with("/*") {
            in_comment = !line.ends_with("*/");
        } else if !line.is_empty() && !line.starts_with("//") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The file at this path, or 304 if the caller has this version.
pub(super) fn serve(path: &str, headers: &HeaderMap) -> Result<Response<Body>, ApiError> {
    let file = FILES.iter().find(|file| file.path == path).ok_or_else(ApiError::no_such_path)?;
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == file.etag));
    Ok(answer::asset(file.kind, &file.etag, (!known).then_some(file.text.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_sent_is_small_and_whole() {
        let sent: usize = FILES.iter().map(|file| file.text.len()).sum();
        assert!(sent < 60_000, "{sent} bytes");
        for file in FILES.iter().filter(|file| file.kind != HTML) {
            assert!(!file.text.contains("/*") && !file.text.contains("\n//"), "{}", file.path);
        }
        assert_eq!(lean("// one\n  a;\n\n/**\n * two\n */\n  /* three */\nb;\n"), "a;\nb;\n");
    }
}

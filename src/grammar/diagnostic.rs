//! What is wrong with a grammar file, and where. Finding and showing are apart: the loader makes [`Diagnostic`]s, and
//! [`render`] shows them with line, column and a caret.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One fault of a grammar file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it is: bytes of the file.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What was expected there; stands under the caret.
    pub expected: String,
    /// A warning does not keep the grammar from loading.
    pub warning: bool,
}

/// All that is wrong with one grammar file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", render(self, false))]
pub struct Faults {
    /// The file, or the name of the embedded grammar.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The faults, in the order of the file.
    pub found: Vec<Diagnostic>,
}

/// Shows the faults as a compiler would.
pub fn render(faults: &Faults, colour: bool) -> String {
    let groups: Vec<Group<'_>> = faults
        .found
        .iter()
        .map(|fault| {
            let level = if fault.warning { Level::WARNING } else { Level::ERROR };
            let end = fault.span.end.min(faults.text.len());
            let start = fault.span.start.min(end);
            level.primary_title(fault.message.as_str()).element(
                Snippet::source(faults.text.as_str())
                    .path(faults.file.as_str())
                    .annotation(AnnotationKind::Primary.span(start..end).label(fault.expected.as_str())),
            )
        })
        .collect();
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&groups)
}

//! The man page of the configuration, made of the example configuration, so that both say the same.

/// What the page begins and ends with.
const HEAD: &str = r#".TH turnaway.toml 5 "" turnaway ""
.SH NAME
turnaway.toml \- the configuration of turnaway
.SH SYNOPSIS
/etc/turnaway/turnaway.toml
.SH DESCRIPTION
A TOML file. Every key may be left out; an empty or missing file finds the logs of installed brokers by itself.
.B turnaway check
says what the file comes to and what is wrong with it.
.SH KEYS
"#;
const FOOT: &str = ".SH \"SEE ALSO\"\nturnaway(1), turnaway-check(1), /usr/share/doc/turnaway\n";

/// The page. A block of the example is some lines of text (`# text`) and then keys (`#key = default`, `##key = example # text`).
pub(crate) fn page(example: &str) -> String {
    let mut out = HEAD.to_owned();
    // The first block is about the example itself.
    for block in example.split("\n\n").skip(1) {
        let mut text = String::new();
        for line in block.lines() {
            let bare = line.trim_start_matches('#');
            match bare.strip_prefix(' ') {
                // Text for the key that follows.
                Some(more) if line.starts_with('#') => text.push_str(&format!("{}\n", more.trim())),
                _ => {
                    let (key, more) = bare.split_once("  #").unwrap_or((bare, ""));
                    let text = std::mem::take(&mut text);
                    out.push_str(&format!(".TP\n.B {}\n{}\n", escaped(key.trim()), escaped(&format!("{text}{}", more.trim()))));
                }
            }
        }
        out.push_str(&escaped(&text));
        out.push('\n');
    }
    out.push_str(FOOT);
    // A line without text is a fault in a man page.
    let lines: Vec<&str> = out.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n") + "\n"
}

/// For roff: what is special stays as it is, and no line begins with a control character.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    let lines = text.lines().map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() });
    lines.collect::<Vec<_>>().join("\n")
}

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
        let (text, keys): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with("# "));
        for key in keys {
            let key = key.trim_start_matches('#');
            match key.strip_prefix("# ").or(key.strip_prefix(' ')) {
                Some(more) => out.push_str(&format!("{}\n", escaped(more.trim()))),
                None => {
                    let (key, more) = key.split_once("  #").unwrap_or((key, ""));
                    out.push_str(&format!(".TP\n.B {}\n{}\n", escaped(key.trim()), escaped(more.trim())));
                }
            }
        }
        if !text.is_empty() {
            let text: Vec<&str> = text.iter().map(|line| line.trim_start_matches("# ")).collect();
            out.push_str(&format!("{}\n", escaped(&text.join("\n"))));
        }
    }
    out.push_str(FOOT);
    // A line without text is a fault in a man page.
    let lines: Vec<&str> = out.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n") + "\n"
}

/// For roff: what is special stays as it is, and no line begins with a control character.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text.lines().map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() });
    lines.collect::<Vec<_>>().join("\n")
}

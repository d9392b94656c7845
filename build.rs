//! Lists the grammar files, so that adding one touches no code, and orders the program's functions.

#[path = "build/order.rs"]
mod order;

use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&root).join("grammars");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    // The texts are large, and few of them are ever read: what is looked at of each stands in a text of its own, apart from them.
    let (mut texts, mut heads) = (String::from("&[\n"), String::new());
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a grammar file has no readable name")?;
        let text = fs::read_to_string(path)?;
        heads.push_str(&format!("{name}\n{}\0", text.find("\n[").map_or(&*text, |end| &text[..=end])));
        texts.push_str(&format!("    include_str!({:?}),\n", path.display().to_string()));
    }
    texts.push_str("]\n");
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("grammars.rs"), texts)?;
    fs::write(Path::new(&out).join("heads.txt"), heads)?;
    order::apply(&Path::new(&root).join("build/order.txt"), Path::new(&out))?;
    Ok(())
}

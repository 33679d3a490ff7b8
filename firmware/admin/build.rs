//! Embeds the built web page: one entry for each file of `webui/dist`, with its compressed forms beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let dist = root.join("../../webui/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    if !dist.join("index.html").is_file() {
        eprintln!("error: the web page is not built: webui/dist/index.html is missing.");
        eprintln!("       Run ./build.sh, which builds it first, or `npm ci && npm run build` in webui/.");
        process::exit(1);
    }
    let mut files = Vec::new();
    walk(&dist, &dist, &mut files);
    files.sort();
    let mut code = String::from("static ASSETS: &[Asset] = &[\n");
    for file in files.iter().filter(|file| !is_compressed(file)) {
        let bytes = |path: &Path| format!("include_bytes!({:?})", path.canonicalize().expect("it was just listed"));
        let compressed = |extension: &str| {
            let path = dist.join(format!("{file}.{extension}"));
            if path.is_file() { format!("Some({})", bytes(&path)) } else { "None".to_owned() }
        };
        let (plain, gzip, brotli) = (bytes(&dist.join(file)), compressed("gz"), compressed("br"));
        let kind = kind_of(file);
        writeln!(code, "Asset {{ path: {file:?}, kind: {kind:?}, plain: {plain}, gzip: {gzip}, brotli: {brotli} }},")
            .expect("writing to a string never fails");
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("assets.rs"), code).expect("cargo's own folder can be written");
}

fn walk(folder: &Path, root: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("webui/dist can be listed") {
        let path = entry.expect("webui/dist can be listed").path();
        println!("cargo::rerun-if-changed={}", path.display());
        if path.is_dir() {
            walk(&path, root, files);
        } else {
            let name = path.strip_prefix(root).expect("it lies below").to_str().expect("vite writes plain names");
            files.push(name.to_owned());
        }
    }
}

fn is_compressed(file: &str) -> bool {
    file.ends_with(".gz") || file.ends_with(".br")
}

fn kind_of(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

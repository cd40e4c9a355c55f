//! Builds again when the web app was built: the macro that embeds it cannot say so itself.
use std::path::Path;

fn main() {
    let dist = "../../clients/app/dist";
    // A missing path would count as changed every time, so its parent is watched instead.
    let watched = if Path::new(dist).exists() { dist } else { "../../clients/app" };
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={watched}");
}

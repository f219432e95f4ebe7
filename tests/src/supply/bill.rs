//! `cargo dev sbom`: a bill of what origin and the edge are made of, in CycloneDX 1.6. It is made from `Cargo.lock`
//! alone and says no time, so that the same sources give the same bill.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::setup::cargo;

/// What is deployed, and so has a bill; tests and what builds them do not count.
const DEPLOYED: [&str; 2] = ["origin", "edge"];

/// Where they run.
const PLATFORMS: [&str; 2] = ["x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"];

/// What cargo says of all packages.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// None for a package of ours.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// What `Cargo.lock` knows and cargo does not say.
#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Writes the bill into a file, or to standard output where none is named.
///
/// # Errors
/// When cargo does not know the packages, or the file cannot be written.
pub fn write(root: &Path, output: Option<&Path>) -> Result<(), Failure> {
    let bill = serde_json::to_string_pretty(&bill(root)?).unwrap_or_default();
    match output {
        Some(path) => fs::write(path, bill + "\n").map_err(Failure::file(path)),
        None => {
            println!("{bill}");
            Ok(())
        }
    }
}

fn bill(root: &Path) -> Result<Value, Failure> {
    let remedy = "see that Cargo.lock is as it is in the repository";
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(PLATFORMS.iter().flat_map(|platform| ["--filter-platform", platform]))
        .current_dir(root)
        .output()
        .map_err(Failure::io("`cargo metadata` did not start", remedy))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
        return Err(Failure::new("`cargo metadata` failed", remedy).with_log(said));
    }
    let unreadable = |error: &dyn std::fmt::Display| Failure::new(format!("the packages: {error}"), remedy);
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| unreadable(&error))?;
    let path = root.join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    let lock: Lock = toml::from_str(&text).map_err(|error| unreadable(&error))?;
    Ok(of(&metadata, &lock))
}

fn of(metadata: &Metadata, lock: &Lock) -> Value {
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let needed = |id: &str| -> Vec<&str> {
        let dependencies = nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
        let counts = |dependency: &&Dependency| {
            dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
        };
        dependencies.iter().filter(counts).map(|dependency| dependency.pkg.as_str()).collect()
    };

    let is_root = |package: &&Package| package.source.is_none() && DEPLOYED.contains(&package.name.as_str());
    let mut open: Vec<&str> = metadata.packages.iter().filter(is_root).map(|root| root.id.as_str()).collect();
    let roots = open.clone();
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(needed(id));
        }
    }

    let reference = |id: &str| packages.get(id).map(|package| purl(package));
    let references = |ids: &[&str]| {
        ids.iter().filter_map(|id| reference(id)).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let mut components: Vec<(String, Value)> = reached
        .iter()
        .filter_map(|id| packages.get(id))
        .map(|package| (purl(package), component(package, lock)))
        .collect();
    components.sort_by(|one, other| one.0.cmp(&other.0));
    let mut dependencies: Vec<Value> = vec![json!({"ref": "countersign", "dependsOn": references(&roots)})];
    let mut edges: Vec<(String, Vec<String>)> =
        reached.iter().filter_map(|id| Some((reference(id)?, references(&needed(id))))).collect();
    edges.sort();
    dependencies.extend(edges.into_iter().map(|(from, to)| json!({"ref": from, "dependsOn": to})));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": "countersign", "name": "countersign", "version": env!("CARGO_PKG_VERSION"),
        }},
        "components": components.into_iter().map(|(_, component)| component).collect::<Vec<_>>(),
        "dependencies": dependencies,
    })
}

fn component(package: &Package, lock: &Lock) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    });
    if let Some(license) = &package.license {
        // An older way to say «or».
        component["licenses"] =
            json!([{"expression": license.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")}]);
    }
    let is_it = |locked: &&Locked| locked.name == package.name && locked.version == package.version;
    if let Some(checksum) = lock.package.iter().find(is_it).and_then(|locked| locked.checksum.as_ref()) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

/// The name by which a package is known everywhere.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        let package = |name: &str, source: Option<&str>| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0", "source": source});
        let dependency = |name: &str, kind: Option<&str>| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let value = json!({
            "packages": [
                package("origin", None), package("tests", None), package("used", Some("r")),
                package("below", Some("r")), package("for-tests", Some("r")),
            ],
            "resolve": {"nodes": [
                {"id": "origin", "deps": [dependency("used", None), dependency("for-tests", Some("dev"))]},
                {"id": "tests", "deps": [dependency("for-tests", None)]},
                {"id": "used", "deps": [dependency("below", Some("build"))]},
                {"id": "below", "deps": []}, {"id": "for-tests", "deps": []},
            ]},
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_bill_has_what_is_deployed_and_nothing_of_the_tests() {
        let lock = Lock {
            package: vec![Locked {
                name: "used".to_owned(),
                version: "1.0.0".to_owned(),
                checksum: Some("ab".to_owned()),
            }],
        };
        let bill = of(&metadata(), &lock);
        let names: Vec<_> =
            bill["components"].as_array().unwrap().iter().map(|component| &component["name"]).collect();
        assert_eq!(names, ["below", "origin", "used"]);
        assert_eq!(bill["components"][2]["hashes"][0]["content"], "ab");
        assert_eq!(bill["components"][2]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["dependencies"][0]["dependsOn"], json!(["pkg:cargo/origin@1.0.0"]));
        assert_eq!(bill["dependencies"][2]["dependsOn"], json!(["pkg:cargo/used@1.0.0"]));
    }

    #[test]
    fn the_bill_of_this_repository_names_what_it_is_made_of() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let bill = bill(root).unwrap_or_else(|failure| panic!("{failure}"));
        let components = bill["components"].as_array().unwrap();
        let named = |name: &str| components.iter().any(|component| component["name"] == name);
        assert!(named("jwt-simple") && named("worker") && named("sqlx") && !named("reqwest"));
        let foreign = components
            .iter()
            .filter(|component| !["origin", "edge", "shared"].contains(&component["name"].as_str().unwrap()));
        for component in foreign {
            assert!(component["hashes"].is_array(), "{component}");
            assert!(component["licenses"].is_array(), "{component}");
        }
    }
}

//! How large the worker is, as it is and as it is deployed.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::Built;
use crate::failure::Failure;
use crate::setup::worker;

/// Bytes of the WebAssembly, and of the JavaScript around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) wasm: Size,
    pub(super) wasm_with_jwt_simple: Size,
    pub(super) javascript: Size,
}

/// Bytes of one module.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Size {
    pub(super) raw: u64,
    pub(super) gzip: u64,
    pub(super) brotli: u64,
}

/// Node.js is there anyway and has both compressions.
const COMPRESS: &str = "const {gzipSync, brotliCompressSync} = require('node:zlib');
    const raw = require('node:fs').readFileSync(process.argv[1]);
    console.log(JSON.stringify({raw: raw.length, gzip: gzipSync(raw, {level: 9}).length,
                                brotli: brotliCompressSync(raw).length}));";

pub(super) fn of(built: &Built) -> Result<Sizes, Failure> {
    let (wasm, javascript) = of_modules(&built.artifacts.worker)?;
    let (wasm_with_jwt_simple, _) = of_modules(&built.in_wasm)?;
    Ok(Sizes { wasm, wasm_with_jwt_simple, javascript })
}

/// Of the WebAssembly and of the JavaScript in a worker's directory.
fn of_modules(directory: &Path) -> Result<(Size, Size), Failure> {
    let (mut wasm, mut javascript) = (Size::default(), Size::default());
    for name in worker::modules(directory)? {
        let path = directory.join(&name);
        let output =
            Command::new("node").args(["-e", COMPRESS]).arg(fs::canonicalize(&path).unwrap_or(path)).output();
        let output = output.map_err(Failure::io("node did not start", "install Node.js 20 or newer"))?;
        let size: Size = serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::new(format!("the size of {name}: {error}"), "see what stands above"))?;
        if name.ends_with(".wasm") { wasm = size } else { javascript = size }
    }
    Ok((wasm, javascript))
}

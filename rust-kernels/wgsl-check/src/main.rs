//! Parses and validates every `.wgsl` file of a folder, as a device would take it that has of optional capabilities
//! those that the file enables.
//!
//! Usage: `wgsl-check FOLDER`. Prints each error under its file's name; exit status 1 if there is one, 2 if the folder
//! cannot be read or has no such file.
use naga::front::wgsl;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, GlobalVariable, Module};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

/// What naga counts as optional, since some targets lack it, and WebGPU's language always has: pairs of 16-bit floats packed
/// into words and unpacked.
const OF_EVERY_DEVICE: Capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
const ENABLE_SUBGROUPS: &str = "enable subgroups;";
const MAX_LANES: u32 = 256;
const MAX_WORKGROUP_BYTES: u32 = 16384;

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("usage: wgsl-check FOLDER");
        return ExitCode::from(2);
    };
    match check_folder(Path::new(&folder)) {
        Ok((0, _)) => {
            eprintln!("{}: no file ends in .wgsl", Path::new(&folder).display());
            ExitCode::from(2)
        }
        Ok((files, 0)) => {
            println!("{files} shaders are valid");
            ExitCode::SUCCESS
        }
        Ok((files, wrong)) => {
            println!("{wrong} of {files} shaders are not valid");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{}: {error}", Path::new(&folder).display());
            ExitCode::from(2)
        }
    }
}

/// Files checked, and how many of them are wrong.
fn check_folder(folder: &Path) -> io::Result<(usize, usize)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wgsl"));
    files.sort();
    let mut wrong = 0;
    for file in &files {
        if let Err(message) = check(&fs::read_to_string(file)?) {
            wrong += 1;
            println!("{}: {message}", file.display());
        }
    }
    Ok((files.len(), wrong))
}

fn check(source: &str) -> Result<(), String> {
    let mut capabilities = OF_EVERY_DEVICE;
    if source.contains("enable f16;") {
        capabilities |= Capabilities::SHADER_FLOAT16;
    }
    // naga has the operations without their directive, which it refuses; a comment in its place keeps lines apart
    let known = source.replace(ENABLE_SUBGROUPS, "//");
    if known != source {
        capabilities |= Capabilities::SUBGROUP;
    }
    let source = known.as_str();
    let module = wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .map_err(|error| error.emit_to_string(source))?;
    within_limits(&module)
}

/// The limits that every device of WebGPU has; naga's validator knows none.
fn within_limits(module: &Module) -> Result<(), String> {
    for entry in &module.entry_points {
        let lanes: u32 = entry.workgroup_size.iter().product();
        if lanes > MAX_LANES {
            return Err(format!(
                "{}: a workgroup of {lanes} lanes, over {MAX_LANES}",
                entry.name
            ));
        }
    }
    let shared = |variable: &&GlobalVariable| variable.space == AddressSpace::WorkGroup;
    let bytes: u32 = module
        .global_variables
        .iter()
        .map(|(_, variable)| variable)
        .filter(shared)
        .map(|variable| {
            module.types[variable.ty]
                .inner
                .size(module.to_ctx())
                .next_multiple_of(16)
        })
        .sum();
    if bytes > MAX_WORKGROUP_BYTES {
        return Err(format!("{bytes} bytes of workgroup memory, over {MAX_WORKGROUP_BYTES}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn takes_a_shader_that_is_right() {
        let source = "@group(0) @binding(0) var<storage, read_write> x: array<f32>;
            @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { x[i] = unpack2x16float(u32(x[i])).y; }";
        assert_eq!(check(source), Ok(()));
    }

    #[test]
    fn names_what_cannot_be_parsed() {
        assert!(check("fn main() { let x = ; }")
            .unwrap_err()
            .contains("expected expression"));
    }

    #[test]
    fn refuses_a_write_to_what_is_read_only() {
        let source = "@group(0) @binding(0) var<storage, read> x: array<f32>;
            @compute @workgroup_size(1) fn main() { x[0] = 1.0; }";
        assert!(check(source).is_err());
    }

    #[test]
    fn takes_what_a_device_need_not_have_where_it_is_enabled() {
        let f16 = "@group(0) @binding(0) var<storage, read_write> x: array<f16>;
            @compute @workgroup_size(1) fn main() { x[0] = 1.0h; }";
        let subgroups = "@group(0) @binding(0) var<storage, read_write> x: array<f32>;
            @compute @workgroup_size(1) fn main() { x[0] = subgroupAdd(x[1]); }";
        for (name, source) in [("f16", f16), ("subgroups", subgroups)] {
            assert!(check(source).is_err(), "{name}");
            assert_eq!(check(&format!("enable {name};\n{source}")), Ok(()), "{name}");
        }
    }

    #[test]
    fn refuses_more_lanes_than_every_device_has() {
        let message = check("@compute @workgroup_size(32, 16) fn main() {}").unwrap_err();
        assert!(message.contains("512"), "{message}");
    }

    #[test]
    fn refuses_more_workgroup_memory_than_every_device_has() {
        let source = "var<workgroup> a: array<f32, 4000>; var<workgroup> b: array<u32, 97>;
            @compute @workgroup_size(1) fn main() { a[0] = f32(b[0]); }";
        let message = check(source).unwrap_err();
        assert!(message.contains("16400"), "{message}");
    }
}

//! Generates the service stubs over the messages that `ringmesh-proto` already has.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["authority.proto"];
    println!("cargo::rerun-if-changed=../schema/authority.proto");
    let descriptors = protox::compile(files, ["../schema"])?;
    tonic_prost_build::configure()
        .extern_path(".ringmesh.v1", "::ringmesh_proto::pb")
        .compile_fds(descriptors)?;
    Ok(())
}

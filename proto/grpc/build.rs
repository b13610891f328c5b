//! Generates the service stubs over the messages that `ringmesh-proto` already has.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["authority.proto"];
    println!("cargo::rerun-if-changed=../schema/authority.proto");
    let descriptors = protox::compile(files, ["../schema"])?;
    tonic_prost_build::configure()
        // Its helper would be called `connect`, as the call of relays is; shells bring their own channel.
        .build_transport(false)
        .extern_path(".ringmesh.v1", "::ringmesh_proto::pb")
        .compile_fds(descriptors)?;
    Ok(())
}

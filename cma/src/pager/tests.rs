use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ringmesh_cma_core::documents::SubjectDoc;
use tokio::task::JoinHandle;

use super::*;

fn line(n: u64) -> PageLine {
    PageLine {
        schema: 1,
        at_ms: n,
        key: "ringmesh/main/1".into(),
        incident: "1".into(),
        transition: "opened".into(),
        severity: "page".into(),
        verdict: "SwitchDown".into(),
        subject: SubjectDoc { kind: "switch".into(), id: "sw1".into(), name: "sw1".into() },
        text: "PAGE".into(),
        site: "lab".into(),
        reason: "opened".into(),
    }
}

type Running = (JoinHandle<()>, mpsc::UnboundedSender<PageLine>, mpsc::Receiver<Input>);

fn start(sink: Notify, state_dir: &Path) -> Running {
    let (inputs, heard) = mpsc::channel(64);
    let (lines, incoming) = mpsc::unbounded_channel();
    let spool = Spool::open(state_dir).unwrap();
    (tokio::spawn(Pager::new(sink, spool, inputs).run(incoming)), lines, heard)
}

fn order(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str::<PageLine>(line).unwrap().at_ms).collect()
}

async fn warnings(heard: &mut mpsc::Receiver<Input>) -> Vec<String> {
    match heard.recv().await {
        Some(Input::Event(event)) => match *event {
            Event::OwnWarnings(warnings) => warnings.into_iter().map(|warning| warning.code).collect(),
            other => panic!("unexpected {other:?}"),
        },
        _ => panic!("a warning was due"),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn lines_are_appended_to_a_file_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pages.jsonl");
    let (pager, lines, _heard) = start(Notify::File(file.clone()), folder.path());
    (1..=5).for_each(|n| lines.send(line(n)).unwrap());
    drop(lines);
    pager.await.unwrap();
    assert_eq!(order(&file), [1, 2, 3, 4, 5]);
    assert_eq!(fs::read_to_string(folder.path().join("pages.spool")).unwrap(), "");
}

#[tokio::test(flavor = "current_thread")]
async fn a_command_gets_each_line_on_its_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("got");
    let script = format!("cat >> {}", file.display());
    let (pager, lines, _heard) =
        start(Notify::Command(vec!["sh".into(), "-c".into(), script]), folder.path());
    (1..=3).for_each(|n| lines.send(line(n)).unwrap());
    drop(lines);
    pager.await.unwrap();
    assert_eq!(order(&file), [1, 2, 3]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_sink_that_fails_is_shown_and_tried_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (file, script) = (folder.path().join("got"), folder.path().join("pager.sh"));
    fs::write(&script, "#!/bin/sh\nexit 7\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let (pager, lines, mut heard) = start(Notify::Command(vec![script.display().to_string()]), folder.path());
    lines.send(line(1)).unwrap();
    assert_eq!(warnings(&mut heard).await, ["notify-failed"]);
    lines.send(line(2)).unwrap();
    fs::write(&script, format!("#!/bin/sh\ncat >> {}\n", file.display())).unwrap();
    assert_eq!(warnings(&mut heard).await, Vec::<String>::new());
    drop(lines);
    pager.await.unwrap();
    assert_eq!(order(&file), [1, 2]);
}

#[tokio::test(flavor = "current_thread")]
async fn what_a_broken_sink_did_not_take_is_handed_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Notify::File(folder.path().join("no/such/folder/pages.jsonl"));
    let (pager, lines, mut heard) = start(nowhere, folder.path());
    lines.send(line(1)).unwrap();
    assert_eq!(warnings(&mut heard).await, ["notify-failed"]);
    lines.send(line(2)).unwrap();
    drop(lines);
    pager.await.unwrap();
    let file = folder.path().join("pages.jsonl");
    let (pager, lines, _heard) = start(Notify::File(file.clone()), folder.path());
    lines.send(line(3)).unwrap();
    drop(lines);
    pager.await.unwrap();
    assert_eq!(order(&file), [1, 2, 3]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_line_after_a_torn_one_starts_on_its_own_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pages.jsonl");
    fs::write(&file, "{\"schema\":1,\"at").unwrap();
    let (pager, lines, _heard) = start(Notify::File(file.clone()), folder.path());
    lines.send(line(1)).unwrap();
    drop(lines);
    pager.await.unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let whole = text.lines().filter(|line| serde_json::from_str::<PageLine>(line).is_ok()).count();
    assert_eq!((text.lines().count(), whole), (2, 1));
}

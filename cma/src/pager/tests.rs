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

type Running = (JoinHandle<()>, mpsc::UnboundedSender<(u64, PageLine)>, mpsc::Receiver<Input>);

fn start(sink: Notify) -> Running {
    let (inputs, heard) = mpsc::channel(64);
    let (lines, incoming) = mpsc::unbounded_channel();
    (tokio::spawn(Pager::new(sink, inputs).run(incoming)), lines, heard)
}

fn order(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str::<PageLine>(line).unwrap().at_ms).collect()
}

async fn warnings(heard: &mut mpsc::Receiver<Input>) -> Vec<String> {
    loop {
        match heard.recv().await {
            Some(Input::Warnings(warnings)) => {
                return warnings.into_iter().map(|warning| warning.code).collect();
            }
            Some(_) => {}
            None => panic!("a warning was due"),
        }
    }
}

/// The numbers of the lines that the machine need not keep any longer.
fn handed_on(heard: &mut mpsc::Receiver<Input>) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Ok(Input::Event(event)) = heard.try_recv() {
        if let Event::HandedOn { page } = *event {
            numbers.push(page);
        }
    }
    numbers
}

#[tokio::test(flavor = "current_thread")]
async fn lines_are_appended_to_a_file_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pages.jsonl");
    let (pager, lines, mut heard) = start(Notify::File(file.clone()));
    (1..=5).for_each(|n| lines.send((n, line(n))).unwrap());
    drop(lines);
    pager.await.unwrap();
    assert_eq!(order(&file), [1, 2, 3, 4, 5]);
    assert_eq!(handed_on(&mut heard), [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_command_gets_each_line_on_its_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("got");
    let script = format!("cat >> {}", file.display());
    let (pager, lines, _heard) = start(Notify::Command(vec!["sh".into(), "-c".into(), script]));
    (1..=3).for_each(|n| lines.send((n, line(n))).unwrap());
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
    let (pager, lines, mut heard) = start(Notify::Command(vec![script.display().to_string()]));
    lines.send((1, line(1))).unwrap();
    assert_eq!(warnings(&mut heard).await, ["notify-failed"]);
    lines.send((2, line(2))).unwrap();
    fs::write(&script, format!("#!/bin/sh\ncat >> {}\n", file.display())).unwrap();
    assert_eq!(warnings(&mut heard).await, Vec::<String>::new());
    drop(lines);
    pager.await.unwrap();
    assert_eq!(order(&file), [1, 2]);
}

#[tokio::test(flavor = "current_thread")]
async fn what_a_broken_sink_did_not_take_stays_with_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Notify::File(folder.path().join("no/such/folder/pages.jsonl"));
    let (pager, lines, mut heard) = start(nowhere);
    lines.send((1, line(1))).unwrap();
    assert_eq!(warnings(&mut heard).await, ["notify-failed"]);
    drop(lines);
    pager.await.unwrap();
    assert_eq!(handed_on(&mut heard), Vec::<u64>::new());
}

#[tokio::test(flavor = "current_thread")]
async fn a_line_after_a_torn_one_starts_on_its_own_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pages.jsonl");
    fs::write(&file, "{\"schema\":1,\"at").unwrap();
    let (pager, lines, _heard) = start(Notify::File(file.clone()));
    lines.send((1, line(1))).unwrap();
    drop(lines);
    pager.await.unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let whole = text.lines().filter(|line| serde_json::from_str::<PageLine>(line).is_ok()).count();
    assert_eq!((text.lines().count(), whole), (2, 1));
}

use std::time::Duration;

use ringmesh_cma_core::documents::EventLine;
use tokio_stream::StreamExt;
use tonic::Code;

use super::testing::Log;
use super::*;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

type Stream = ReceiverStream<Result<pb::Document, Status>>;

async fn events(service: &OperatorService, after: u64, follow: bool, last: u32) -> Stream {
    service.events(Request::new(pb::EventsRequest { after, follow, last })).await.unwrap().into_inner()
}

/// The numbers of the next document; none at the end.
async fn numbers(stream: &mut Stream) -> Option<Vec<u64>> {
    let document = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap()?.unwrap();
    let rows: Vec<EventLine> = serde_json::from_str(&document.json).unwrap();
    Some(rows.iter().map(|row| row.number).collect())
}

#[tokio::test(flavor = "current_thread")]
async fn what_there_is_is_told_and_the_stream_ends() {
    let (service, _driver) = Log::new(1..=5).service();
    for (after, last, want) in [
        (0, 0, Some(vec![1, 2, 3, 4, 5])),
        (0, 2, Some(vec![4, 5])),
        (3, 0, Some(vec![4, 5])),
        (3, 1, Some(vec![5])),
        (5, 0, None),
    ] {
        let mut stream = events(&service, after, false, last).await;
        let got = numbers(&mut stream).await;
        assert_eq!(got, want, "after {after}, last {last}");
        assert!(got.is_none() || numbers(&mut stream).await.is_none(), "after {after}, last {last}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn who_follows_is_told_each_row_once_as_it_comes() {
    let log = Log::new([]);
    let (service, _driver) = log.service();
    let mut stream = events(&service, 0, true, 3).await;
    let mut got = Vec::new();
    for number in 1..=6 {
        log.push(number);
        if number % 2 == 0 {
            while got.len() < number as usize {
                got.extend(numbers(&mut stream).await.unwrap());
            }
        }
    }
    assert_eq!(got, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(flavor = "current_thread")]
async fn who_follows_a_cma_that_stops_is_told_so() {
    let log = Log::new([1]);
    let (service, driver) = log.service();
    let mut stream = events(&service, 0, true, 0).await;
    assert_eq!(numbers(&mut stream).await, Some(vec![1]));
    driver.abort();
    assert!(driver.await.is_err());
    log.push(2);
    let ended = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap();
    assert_eq!(ended.unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(stream.next().await.is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn a_host_to_forget_has_to_have_a_name_and_to_be_known() {
    let (service, _driver) = Log::new([]).service();
    let cases = [
        ("", "h5", Ok("lab")),
        ("fra1", "h5", Ok("fra1")),
        ("", "h6", Err(Code::NotFound)),
        ("", "", Err(Code::InvalidArgument)),
        ("", "h 5", Err(Code::InvalidArgument)),
        ("l/b", "h5", Err(Code::InvalidArgument)),
    ];
    for (site, host, want) in cases {
        let request = pb::ForgetRequest { site: site.into(), host: host.into(), relay: 0 };
        let got = service.forget(Request::new(request)).await;
        match (got, want) {
            (Ok(document), Ok(site)) => assert!(document.into_inner().json.contains(site), "{site}/{host}"),
            (got, want) => assert_eq!(got.map(|_| "").map_err(|status| status.code()), want, "{site}/{host}"),
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn no_moment_is_now() {
    let (service, _driver) = Log::new([]).service();
    for (at_ms, want) in [(0, "\"Tree\""), (7, "\"TreeAt(7)\"")] {
        let document = service.tree(Request::new(pb::TreeRequest { at_ms })).await.unwrap();
        assert_eq!(document.into_inner().json, want);
    }
}

//! What happens to a transfer when hub, host or line fail.

use std::time::Instant;

use super::hub::{Fault, Hub};
use super::*;

#[tokio::test]
async fn a_file_comes_through_the_hubs_redirect_and_the_token_stays_with_the_hub() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let hub = Hub::start(&bytes, &sha256(&bytes), &[]).await;
    let (result, _) =
        run(&entry(&bytes, &[hub_source()]), dir.path(), &settings(&hub.endpoint)).await;
    assert_eq!(result.unwrap(), bytes);
    assert_eq!(names(dir.path()), [sha256(&bytes)], "no partial file is left");
    assert_eq!(hub.hub_token.lock().unwrap().as_deref(), Some("Bearer hub-secret"));
    assert!(hub.asked.lock().unwrap().iter().all(|a| a.token.is_none()));
}

#[tokio::test]
async fn a_cut_transfer_goes_on_where_it_stopped() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let faults = [Fault::CutAfter(70_000), Fault::Status(503), Fault::StandStillAfter(30_000)];
    let hub = Hub::start(&bytes, "etag", &faults).await;
    let (result, notes) =
        run(&entry(&bytes, &[hub_source()]), dir.path(), &settings(&hub.endpoint)).await;
    assert_eq!(result.unwrap(), bytes, "{notes}");
    let starts: Vec<u64> = hub
        .ranges()
        .iter()
        .map(|r| r.as_ref().map_or(0, |r| r[6..].trim_end_matches('-').parse().unwrap()))
        .collect();
    assert_eq!(starts.len(), 4, "{starts:?}");
    assert!(starts[0] == 0 && starts[1] > 0 && starts[1] <= 70_000, "{starts:?}");
    assert!(starts[2] == starts[1] && starts[3] > starts[2], "{starts:?}");
}

#[tokio::test]
async fn a_later_pull_goes_on_with_what_an_earlier_one_left() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let mut faults = vec![Fault::CutAfter(50_000)];
    faults.extend([Fault::Status(500); 4]);
    let hub = Hub::start(&bytes, "etag", &faults).await;
    let (wanted, sources) = (entry(&bytes, &[hub_source()]), settings(&hub.endpoint));
    assert!(run(&wanted, dir.path(), &sources).await.0.is_err());
    assert!(names(dir.path()).iter().any(|n| n.ends_with(".part")));
    hub.asked.lock().unwrap().clear();
    assert_eq!(run(&wanted, dir.path(), &sources).await.0.unwrap(), bytes);
    let asked = hub.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].range.as_ref().is_some_and(|r| r != "bytes=0-"), "{asked:?}");
    assert_eq!(asked[0].if_range.as_deref(), Some("\"of-the-host\""));
    assert_eq!(names(dir.path()), [sha256(&bytes)]);
}

#[tokio::test]
async fn a_part_of_another_file_is_given_up() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let hub = Hub::start(&bytes, "etag", &[]).await;
    let part = dir.path().join(format!("{}.part", sha256(&bytes)));
    for foreign in [1, 1000, bytes.len(), bytes.len() + 1] {
        fs::write(&part, vec![7; foreign]).unwrap();
        let wanted = entry(&bytes, &[url_source(&hub.file_url())]);
        let (result, _) = run(&wanted, dir.path(), &settings(&hub.endpoint)).await;
        assert_eq!(result.unwrap(), bytes, "{foreign} foreign bytes");
        fs::remove_file(dir.path().join(sha256(&bytes))).unwrap();
    }
}

#[tokio::test]
async fn a_host_without_ranges_is_taken_from_the_start() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let faults = [Fault::CutAfter(5000), Fault::WholeFile];
    let hub = Hub::start(&bytes, "etag", &faults).await;
    let wanted = entry(&bytes, &[url_source(&hub.file_url())]);
    let (result, notes) = run(&wanted, dir.path(), &settings(&hub.endpoint)).await;
    assert_eq!(result.unwrap(), bytes, "{notes}");
}

#[tokio::test]
async fn wrong_bytes_are_refused_and_removed() {
    let bytes = file();
    let other_sha = "1".repeat(64);
    let longer = [&bytes[..], b"more"].concat();
    type Case<'a> = (&'a str, &'a [u8], &'a str, &'a [Fault], &'a str);
    let cases: [Case<'_>; 4] = [
        (
            "other bytes",
            &bytes,
            "etag",
            &[Fault::OtherBytes],
            "other bytes than the catalogue's: SHA-256",
        ),
        ("other size", &longer, "etag", &[], "200004 bytes instead of 200000"),
        ("other digest by the hub's word", &bytes, &other_sha, &[], "SHA-256 1111"),
        ("more than told", &bytes, "etag", &[Fault::TooMany], "more than 200000 bytes"),
    ];
    for (case, served, etag, faults, told) in cases {
        let dir = tempfile::tempdir().unwrap();
        let hub = Hub::start(served, etag, faults).await;
        let wanted = entry(&bytes, &[hub_source()]);
        let (result, _) = run(&wanted, dir.path(), &settings(&hub.endpoint)).await;
        let error = result.expect_err(case);
        assert!(error.contains(told), "{case}: {error}");
        let left = names(dir.path());
        assert!(!left.iter().any(|n| n.ends_with(".part")), "{case}: {left:?}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_is_not_asked_again() {
    let bytes = file();
    for (status, told) in
        [(404, "no such file"), (401, "HF_TOKEN"), (403, "HF_TOKEN"), (500, "500")]
    {
        let dir = tempfile::tempdir().unwrap();
        let hub = Hub::start(&bytes, "etag", &[]).await;
        *hub.status.lock().unwrap() = Some(status);
        let wanted = entry(&bytes, &[hub_source()]);
        let (result, _) = run(&wanted, dir.path(), &settings(&hub.endpoint)).await;
        let error = result.unwrap_err();
        assert!(error.contains(told), "{status}: {error}");
        assert!(!error.contains("hub-secret"));
        assert!(hub.asked.lock().unwrap().is_empty());
    }
    for (status, asked) in [(404, 1), (503, 4)] {
        let dir = tempfile::tempdir().unwrap();
        let hub = Hub::start(&bytes, "etag", &[Fault::Status(status); 9]).await;
        let wanted = entry(&bytes, &[url_source(&hub.file_url())]);
        run(&wanted, dir.path(), &settings(&hub.endpoint)).await.0.unwrap_err();
        assert_eq!(hub.asked.lock().unwrap().len(), asked, "{status}");
    }
}

#[tokio::test]
async fn a_host_that_never_answers_costs_the_time_allowed_and_no_more() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let hole = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = hole.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = hole.accept().await {
            held.push(connection);
        }
    });
    let mut sources = settings(&format!("http://{address}"));
    sources.limits.first_response = Duration::from_millis(300);
    let url = url_source(&format!("http://{address}/file"));
    let began = Instant::now();
    let (result, _) = run(&entry(&bytes, &[hub_source(), url]), dir.path(), &sources).await;
    let error = result.unwrap_err();
    assert_eq!(error.matches("no answer within 0.3 s").count(), 2, "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_host_that_stands_still_is_given_up() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let hub = Hub::start(&bytes, "etag", &[Fault::StandStillAfter(0); 9]).await;
    let mut sources = settings(&hub.endpoint);
    sources.limits.stall = Duration::from_millis(100);
    let (result, _) = run(&entry(&bytes, &[hub_source()]), dir.path(), &sources).await;
    assert!(result.unwrap_err().contains("stands still"));
    assert_eq!(hub.asked.lock().unwrap().len(), 4);
}

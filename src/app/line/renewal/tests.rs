use std::sync::Arc;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::hq::enrolment::{Authority, Shown};
use crate::hq::server::{ServerConfig, serve};
use crate::hq::{Actor, Hq, HqConfig};
use crate::http::TlsFiles;
use crate::identity::{pending_request, write_identity};
use crate::state::{StateConfig, Store};
use crate::sync::LineSettings;

const PLACE: &str = "main/store-1/box-a";

/// HQ over TLS, and a box that enrolled there with a certificate of this life.
struct House {
    hq: Arc<Hq>,
    folder: tempfile::TempDir,
    stop: CancellationToken,
}

async fn house(life: Duration) -> House {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let node_broker = Some("mqtt://127.0.0.1:1".to_owned());
    let data_dir = folder.path().join("hq");
    std::fs::create_dir_all(&data_dir).unwrap();
    let door = Authority::open(&data_dir).unwrap().open_door(&["127.0.0.1".to_owned()]).unwrap();
    let hq = HqConfig::new(data_dir);
    let hq = HqConfig { node_broker, certificate_life: life, ..hq };
    let tls = Some(TlsFiles { certificate: door.0, key: door.1 });
    let http =
        crate::http::Config { listen: ([127, 0, 0, 1], 0).into(), tls, ..Default::default() };
    let (tenant, token_alone) = ("main".parse().unwrap(), false);
    let config = ServerConfig { hq, http, tenant, token_alone, broker: None };
    let (stop, (tell, told)) = (CancellationToken::new(), oneshot::channel());
    let serving = serve(config, Arc::new(Metrics::new()), stop.clone(), |hq, started| {
        let _ = tell.send((Arc::clone(hq), started.url.clone()));
    });
    tokio::spawn(async move { serving.await.map(drop) });
    let (hq, url) = told.await.unwrap();
    let (actor, place): (_, Place) = (Actor::local(), PLACE.parse().unwrap());
    hq.registry().set_store(&actor, &place.tenant, &place.store, "One").await.unwrap();
    let claim = hq.add_claim(&actor, &place, 60_000).await.unwrap();
    let identity = folder.path().join("identity");
    let (key, request) = pending_request(&identity).unwrap();
    let enrolled = hq.enrol(&claim.token, &request).await.unwrap();
    write_identity(&identity, &url, &key, &enrolled).unwrap();
    House { hq, folder, stop }
}

impl House {
    fn renewal(&self, floor: UnixMillis) -> Renewal {
        let folder = self.folder.path().join("identity");
        let resolved = LineSettings::new(folder.clone()).resolve().unwrap().unwrap();
        let place: Place = PLACE.parse().unwrap();
        let store = redb::backends::InMemoryBackend::new;
        let store = Store::on(store, place.clone(), StateConfig::default()).unwrap();
        let metrics = Arc::new(Metrics::new());
        Renewal {
            identity: Identity::new(&folder, &resolved),
            place,
            hq: resolved.hq,
            time: Arc::new(Timekeeper::new(UnixMillis(0), floor)),
            notes: Notes::new(store, Arc::clone(&metrics)).0,
            metrics,
        }
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("identity").join(name)).unwrap()
    }
}

/// A certificate is dated back by an hour, so at two thirds of this life it has just begun.
const OLD: Duration = Duration::from_secs(60);
const YOUNG: Duration = Duration::from_secs(90 * 24 * 3600);

#[tokio::test]
async fn a_certificate_is_renewed_by_itself_and_the_line_begun_anew_with_it() {
    let house = house(OLD).await;
    let (certificate, token) = (house.file("certificate.pem"), house.file("token"));
    let renewal = house.renewal(UnixMillis(0));
    let mut changes = renewal.identity.changes();
    let renewing = tokio::spawn(renewal.run());
    let waited = tokio::time::timeout(Duration::from_secs(30), changes.changed()).await;
    waited.unwrap().unwrap();
    renewing.abort();
    assert_ne!(house.file("certificate.pem"), certificate);
    let next = house.file("token");
    assert_ne!(next, token);
    assert_eq!(
        house.hq.node_of(&next, Shown::NotAsked).await.unwrap(),
        Some(PLACE.parse().unwrap())
    );
    let acts = house.hq.acts(None, 1).await.unwrap();
    assert_eq!((acts[0].act.as_str(), acts[0].who.as_str()), ("node.renew", PLACE));
    house.stop.cancel();
}

#[tokio::test]
async fn nothing_is_renewed_before_its_time_or_while_the_time_is_not_known() {
    let far = UnixMillis(4_000_000_000_000);
    for (life, floor, days) in [(YOUNG, UnixMillis(0), "89"), (OLD, far, "0")] {
        let house = house(life).await;
        let certificate = house.file("certificate.pem");
        let renewal = house.renewal(floor);
        let life = Lifetime::parse(&certificate).unwrap();
        let (mut failures, mut warned) = (0, UnixMillis(0));
        let pause = renewal.look(life, &mut failures, &mut warned).await;
        assert!(pause >= FIRST_PAUSE && failures == 0, "{pause:?}");
        assert_eq!(house.file("certificate.pem"), certificate);
        let metrics = renewal.metrics.encode().unwrap();
        assert!(metrics.contains(&format!("endcap_line_certificate_days {days}\n")), "{metrics}");
        house.stop.cancel();
    }
}

#[tokio::test]
async fn an_hq_that_is_away_is_asked_again_later_and_later() {
    let house = house(OLD).await;
    let renewal =
        Renewal { hq: Some("http://127.0.0.1:1".to_owned()), ..house.renewal(UnixMillis(0)) };
    let life = Lifetime::parse(&house.file("certificate.pem")).unwrap();
    let (mut failures, mut warned) = (0, UnixMillis(0));
    for most in [60, 120, 240] {
        let pause = renewal.look(life, &mut failures, &mut warned).await;
        assert!(pause <= Duration::from_secs(most + 1), "{pause:?}");
    }
    assert_eq!(failures, 3);
    assert!(warned > UnixMillis(0), "somebody is told that it is near its end");
    house.stop.cancel();
}

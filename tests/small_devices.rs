//! Labels, scanners and sensors around a real box: told what they should run, and watched.

use std::path::{Path, PathBuf};

use firmware_config::flash::Memory;
use firmware_config::link::{Frame, Message};
use firmware_config::{Class, Device, Identity, Keys, Next, Running, Settings, Slots};
use serde_json::{Value, json};

use crate::support::{Ask, Server, admin, data, endcap, stderr, stdout};

const STORE: &str = "acme/0042";
type Flash = Memory<8, 512>;

fn write(path: &Path, ask_every_s: u32) {
    let profiles = format!(
        "[chain.common]\nask_every_s = {ask_every_s}\n[zone.produce.shelf_label]\ninverted = true\n\
         [device.label-17]\nclass = \"shelf_label\"\nzone = \"produce\"\n\
         [device.label-17.shelf_label]\nsku = \"4001\"\n[device.mirror-1]\nclass = \"mirror\"\n"
    );
    let new = path.with_extension("new");
    std::fs::write(&new, profiles).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// A box with two devices in its profiles.
fn serve() -> (Server, PathBuf) {
    let data = data();
    let profiles = data.path().join("profiles.toml");
    write(&profiles, 600);
    let named = profiles.to_str().unwrap().to_owned();
    let settings = [("ENDCAP_FIRMWARE_STORE", STORE), ("ENDCAP_FIRMWARE_PROFILES", &named)];
    let server = Server::start_in(data, &settings);
    until("the profiles are not applied", &server, || standing(&server, "label-17").is_object());
    (server, profiles)
}

fn until(what: &str, server: &Server, holds: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < end, "{what}: {}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn standing(server: &Server, name: &str) -> Value {
    let listed = server.ask(Ask::get("/store/v1/devices")).json();
    let small = listed["small"].as_array().unwrap().iter();
    small.clone().find(|device| device["name"] == name).cloned().unwrap_or(Value::Null)
}

/// A token for a device of this name.
fn token(server: &Server, name: &str) -> String {
    let wanted = json!({ "class": "shelf-label", "role": "device" });
    let code = server.ask(Ask::post("/store/v1/devices/codes", &wanted)).json();
    let shown = json!({ "code": code["code"], "name": name });
    let paired = server.ask(Ask::post("/store/v1/pair", &shown).anonymous());
    assert_eq!(paired.status, 200, "{}", paired.text());
    paired.json()["token"].as_str().unwrap().to_owned()
}

struct Label {
    flash: Flash,
    keys: Keys,
    token: String,
}

impl Label {
    fn new(server: &Server) -> Self {
        let bound = server.ask(Ask::get("/store/v1/firmware")).json();
        assert_eq!(bound["store"], STORE);
        let digits = bound["public_key"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let key = std::array::from_fn(|at| byte(2 * at));
        let flash = Flash::blank(Slots::<Flash>::BYTES);
        Self { flash, keys: Keys::new(&[key]), token: token(server, "label-17") }
    }

    fn start(&self, settings: &mut Option<Settings>) -> Device<Flash, Keys> {
        let identity = Identity::of(STORE, "label-17", Class::ShelfLabel);
        Device::start(self.flash.clone(), identity, self.keys.clone(), settings).unwrap()
    }

    /// Talks until there is nothing left to say.
    fn settle(&mut self, server: &Server) -> (Running, Option<Settings>) {
        let mut settings = None;
        let mut device = self.start(&mut settings);
        for _ in 0..60 {
            let said = Frame::new(&device.say()).unwrap();
            let answer = say(server, "label-17", &self.token, said.bytes());
            assert_eq!(answer.status, 200, "{}", answer.text());
            match device.hear(&Frame::parse(&answer.body).unwrap()) {
                Next::Say => {}
                Next::Rest => {
                    self.flash = device.clone().into_flash();
                    return (device.running(), settings);
                }
                Next::Restart => {
                    self.flash = device.into_flash();
                    device = self.start(&mut settings);
                }
            }
        }
        panic!("no rest after 60 messages");
    }
}

fn say(server: &Server, name: &str, token: &str, frame: &[u8]) -> crate::support::Answer {
    let path = format!("/store/v1/devices/{name}/frames");
    server.ask(Ask::raw("POST", &path, frame.to_vec()).token(token))
}

#[test]
fn a_label_follows_its_profiles_and_the_box_shows_what_it_runs() {
    let (server, profiles) = serve();
    let mut label = Label::new(&server);
    assert_eq!(standing(&server, "label-17")["standing"], "unheard");
    let (running, settings) = label.settle(&server);
    let settings = settings.unwrap();
    assert_eq!((running, settings.common.ask_every_s), (Running::Confirmed(1), 600));
    assert_eq!(settings.common.zone.as_str(), "produce");
    let shown = standing(&server, "label-17");
    assert_eq!((&shown["standing"], &shown["running"]), (&json!("in_step"), &json!(1)));
    assert_eq!(standing(&server, "mirror-1")["standing"], "unheard");

    write(&profiles, 601);
    until("the change is not seen", &server, || standing(&server, "label-17")["desired"] == 2);
    let drifted = standing(&server, "label-17");
    assert_eq!((&drifted["standing"], &drifted["running"]), (&json!("behind"), &json!(1)));
    let (running, settings) = label.settle(&server);
    assert_eq!((running, settings.unwrap().common.ask_every_s), (Running::Confirmed(2), 601));

    // A document with a fault changes nothing, and is told.
    std::fs::write(&profiles, "[device.label-17]\nclass = \"toaster\"\n").unwrap();
    server.wait_for_log("`toaster` is none of");
    assert_eq!(standing(&server, "label-17")["standing"], "in_step");
    let data = server.kill();
    write(&profiles, 601);
    let named = profiles.to_str().unwrap();
    let settings = [("ENDCAP_FIRMWARE_STORE", STORE), ("ENDCAP_FIRMWARE_PROFILES", named)];
    let server = Server::start_in(data, &settings);
    until("the blocks are gone", &server, || standing(&server, "label-17")["desired"] == 2);
    assert_eq!(label.settle(&server).0, Running::Confirmed(2), "a restart changes nothing");
}

#[test]
fn a_device_speaks_for_itself_and_what_is_no_frame_is_refused() {
    let (server, _) = serve();
    let label = Label::new(&server);
    let hello = Frame::new(&label.start(&mut None).say()).unwrap();
    for (name, token, frame, status) in [
        ("label-17", label.token.as_str(), hello.bytes(), 200),
        ("label-18", &label.token, hello.bytes(), 404),
        ("mirror-1", &label.token, hello.bytes(), 404),
        ("label-17", admin(), hello.bytes(), 200),
        ("nobody", admin(), hello.bytes(), 404),
        ("label-17", &label.token, &hello.bytes()[1..], 400),
        ("label-17", &label.token, &[0; 161], 413),
        ("label-17", "nobody", hello.bytes(), 401),
    ] {
        let answer = say(&server, name, token, frame);
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
    // A label is no client of models, and sees nothing of others.
    for path in ["/v1/models", "/store/v1/devices", "/store/v1/devices/label-17/block"] {
        assert_eq!(server.ask(Ask::get(path).token(&label.token)).status, 403, "{path}");
    }
    let silent = Frame::new(&Message::Settled { version: 1 }).unwrap();
    assert_eq!(say(&server, "label-17", &label.token, silent.bytes()).status, 204);
}

#[test]
fn many_simulated_devices_take_a_change() {
    let data = data();
    let profiles = data.path().join("profiles.toml");
    let devices = |ask_every_s: u32| {
        let labels =
            (0..40).map(|number| format!("[device.label-{number}]\nclass = \"shelf_label\"\n"));
        format!("[chain.common]\nask_every_s = {ask_every_s}\n{}", labels.collect::<String>())
    };
    std::fs::write(&profiles, devices(600)).unwrap();
    let named = profiles.to_str().unwrap().to_owned();
    let settings = [("ENDCAP_FIRMWARE_STORE", STORE), ("ENDCAP_FIRMWARE_PROFILES", &named)];
    let server = Server::start_in(data, &settings);
    until("the profiles are not applied", &server, || standing(&server, "label-39").is_object());
    let mut command = endcap();
    command.args(["firmware-config", "simulate", "--every", "0.2", "--json", "--server"]);
    let output = command.arg(&server.url).env("ENDCAP_TOKEN", admin()).output().unwrap();
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap_or_default();
    assert_eq!(told["devices"], 40, "{told} {}", stderr(&output));
    assert!(told["received_bytes"].as_u64().unwrap() > 40 * 150, "{told}");
    let listed = server.ask(Ask::get("/store/v1/devices")).json();
    let in_step = listed["small"].as_array().unwrap().iter();
    assert_eq!(in_step.filter(|device| device["standing"] == "in_step").count(), 40, "{listed}");
}

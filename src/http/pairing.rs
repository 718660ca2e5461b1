//! Codes that a device shows once to become one of the shop's.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use super::access::Role;
use super::device::{Device, DeviceError, check_place};
use super::tokens::{Created, TokenError, Tokens, digest, now_s, random};

/// How long a code counts. A person carries it from one screen to another.
pub const CODE_LIFE: Duration = Duration::from_secs(600);
/// Codes that are open at once.
const MAX_OPEN: usize = 32;
/// Without letters that look like digits, so that it can be read aloud: 5 bits each (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_CHARS: usize = 8;
/// Wrong codes in a row before who guesses has to wait …
const GUESSES: u32 = 10;
/// … and after how long there is another one.
const GUESS_PERIOD: Duration = Duration::from_secs(2);

/// Why a device was not paired.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// Nobody made this code, it was used, or its time is over. Which of them is not told.
    #[error(
        "this code is not open; a new one is made with `endcap devices code` or at headquarters"
    )]
    Unknown,
    /// Somebody guesses.
    #[error("too many wrong codes were tried; wait a moment")]
    Guessing {
        /// When the next may be tried.
        wait: Duration,
    },
    /// Enough is enough.
    #[error("{MAX_OPEN} codes are open, which is the limit; each ends within {} minutes", CODE_LIFE.as_secs() / 60)]
    TooMany,
    /// A role that no device has.
    #[error("a device has the role client, associate or device, not {0}")]
    Role(Role),
    /// It is not named as devices are.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The token could not be kept.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// What a code makes of the device that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What it is, as `kiosk`.
    pub class: String,
    /// Where it stands.
    pub zone: Option<String>,
    /// Client or associate.
    pub role: Role,
}

/// A code; the only time its text is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// As `7KQ2-M4XD`.
    pub code: String,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Pairs devices. Codes are in memory only: a restart ends them.
#[derive(Debug)]
pub struct Pairing {
    tokens: Arc<Tokens>,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    codes: Vec<Waiting>,
    /// Wrong codes that count still, as of `counted`.
    wrong: u32,
    counted: Instant,
}

#[derive(Debug)]
struct Waiting {
    sha256: [u8; 32],
    offer: Offer,
    until: Instant,
}

impl Pairing {
    /// Pairs devices by giving them tokens of these.
    pub fn new(tokens: Arc<Tokens>) -> Self {
        let open = Open { codes: Vec::new(), wrong: 0, counted: Instant::now() };
        Self { tokens, open: Mutex::new(open) }
    }

    /// Makes a code.
    pub fn offer(&self, offer: Offer) -> Result<Code, PairingError> {
        self.offer_at(offer, Instant::now())
    }

    fn offer_at(&self, offer: Offer, now: Instant) -> Result<Code, PairingError> {
        check_place(&offer.class, offer.zone.as_deref())?;
        if !matches!(offer.role, Role::Client | Role::Associate | Role::Device) {
            return Err(PairingError::Role(offer.role));
        }
        let code = draw()?;
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.codes.retain(|waiting| waiting.until > now);
            if open.codes.len() >= MAX_OPEN {
                return Err(PairingError::TooMany);
            }
            let (sha256, until) = (digest(&code), now + CODE_LIFE);
            open.codes.push(Waiting { sha256, offer: offer.clone(), until });
        }
        tracing::info!(class = offer.class, zone = offer.zone, "a code for a device was made");
        Ok(Code { code, expires: now_s() + CODE_LIFE.as_secs() })
    }

    /// Gives the device that shows a code its token; the code is spent then. Blocks on the disk.
    pub fn pair(&self, code: &str, name: &str) -> Result<(Created, Role, Device), PairingError> {
        self.pair_at(code, name, Instant::now())
    }

    fn pair_at(
        &self,
        code: &str,
        name: &str,
        now: Instant,
    ) -> Result<(Created, Role, Device), PairingError> {
        let device = |offer: &Offer| Device {
            name: name.trim().to_owned(),
            class: offer.class.clone(),
            zone: offer.zone.clone(),
        };
        // A name that cannot be one must not spend the code.
        device(&Offer { class: "any".into(), zone: None, role: Role::Client }).check()?;
        let offer = self.spend(code, now)?;
        let device = device(&offer);
        let made = self.tokens.create_for(offer.role, device.clone())?;
        tracing::info!(id = made.id, class = device.class, "a device was paired");
        Ok((made, offer.role, device))
    }

    /// Takes a device's token away. Blocks on the disk.
    pub fn revoke(&self, id: &str) -> Result<(), TokenError> {
        if !self.tokens.list().iter().any(|token| token.id == id && token.device.is_some()) {
            return Err(TokenError::UnknownDevice(id.to_owned()));
        }
        self.tokens.revoke(id)?;
        tracing::info!(id, "a device's token was taken away");
        Ok(())
    }

    /// Whether a code is open. Takes the same time whichever comes close, and ends it.
    fn spend(&self, code: &str, now: Instant) -> Result<Offer, PairingError> {
        let shown = digest(&tidied(code));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.forgive(now);
        if open.wrong >= GUESSES {
            return Err(PairingError::Guessing { wait: GUESS_PERIOD });
        }
        open.codes.retain(|waiting| waiting.until > now);
        let mut found = None;
        for (at, waiting) in open.codes.iter().enumerate() {
            if bool::from(waiting.sha256.ct_eq(&shown)) {
                found = Some(at);
            }
        }
        match found {
            Some(at) => Ok(open.codes.swap_remove(at).offer),
            None => {
                open.wrong += 1;
                Err(PairingError::Unknown)
            }
        }
    }
}

impl Open {
    /// Wrong codes are forgotten one by one.
    fn forgive(&mut self, now: Instant) {
        let periods =
            now.saturating_duration_since(self.counted).as_secs() / GUESS_PERIOD.as_secs();
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        if periods > 0 {
            self.wrong = self.wrong.saturating_sub(periods);
            self.counted = now;
        }
    }
}

/// A code as it is compared: people type it in lower case, without its dash, or with letters for digits.
fn tidied(code: &str) -> String {
    let known = |c: char| match c.to_ascii_uppercase() {
        'O' => Some('0'),
        'I' | 'L' => Some('1'),
        c if c.is_ascii() && ALPHABET.contains(&(c as u8)) => Some(c),
        _ => None,
    };
    let mut text: String = code.chars().filter_map(known).take(CODE_CHARS + 1).collect();
    if text.len() > CODE_CHARS / 2 {
        text.insert(CODE_CHARS / 2, '-');
    }
    text
}

fn draw() -> Result<String, TokenError> {
    let letter =
        |byte: u8| ALPHABET.get(usize::from(byte) % ALPHABET.len()).map(|&c| char::from(c));
    let mut code: String = random::<CODE_CHARS>()?.into_iter().filter_map(letter).collect();
    code.insert(CODE_CHARS / 2, '-');
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairing() -> (tempfile::TempDir, Pairing) {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(&folder.path().join("tokens.json")).unwrap();
        (folder, Pairing::new(Arc::new(tokens)))
    }

    fn kiosk() -> Offer {
        Offer { class: "kiosk".into(), zone: Some("entrance".into()), role: Role::Client }
    }

    #[test]
    fn a_code_makes_one_device_of_its_class_zone_and_role() {
        let (_folder, pairing) = pairing();
        let code = pairing.offer(kiosk()).unwrap();
        assert_eq!(code.code.len(), CODE_CHARS + 1);
        assert!(!format!("{code:?}").contains(&code.code));
        let typed = format!(" {} ", code.code.replace('-', " ").to_lowercase());
        let (made, role, device) = pairing.pair(&typed, " by the door ").unwrap();
        assert_eq!((role, device.name.as_str()), (Role::Client, "by the door"));
        assert_eq!(device.zone.as_deref(), Some("entrance"));
        let known = pairing.tokens.verify(&made.token).unwrap();
        assert_eq!((known.role, known.device), (Role::Client, Some(device)));
        assert!(matches!(pairing.pair(&code.code, "again"), Err(PairingError::Unknown)));
        pairing.revoke(&made.id).unwrap();
        assert_eq!(pairing.tokens.verify(&made.token), None);
        let program = pairing.tokens.create(Role::Feed, "a feed").unwrap();
        assert!(matches!(pairing.revoke(&program.id), Err(TokenError::UnknownDevice(_))));
    }

    #[test]
    fn a_code_ends_by_itself_and_a_name_that_cannot_be_one_does_not_spend_it() {
        let (_folder, pairing) = pairing();
        let began = Instant::now();
        let code = pairing.offer_at(kiosk(), began).unwrap().code;
        let long = "x".repeat(65);
        for name in ["", "  ", "a\nb", &long] {
            let refused = pairing.pair_at(&code, name, began).unwrap_err();
            assert!(matches!(refused, PairingError::Device(DeviceError::Name)), "{name}");
        }
        let late = began + CODE_LIFE;
        assert!(matches!(pairing.pair_at(&code, "late", late), Err(PairingError::Unknown)));
        let other = pairing.offer_at(kiosk(), began).unwrap().code;
        let soon = late - Duration::from_secs(1);
        assert!(pairing.pair_at(&other, "in time", soon).is_ok());
    }

    #[test]
    fn who_guesses_waits_even_with_the_right_code() {
        let (_folder, pairing) = pairing();
        let now = Instant::now();
        let code = pairing.offer_at(kiosk(), now).unwrap().code;
        for _ in 0..GUESSES {
            let wrong = pairing.pair_at("AAAA-AAAA", "guess", now);
            assert!(matches!(wrong, Err(PairingError::Unknown)));
        }
        let waits = pairing.pair_at(&code, "right", now);
        assert!(matches!(waits, Err(PairingError::Guessing { .. })), "{waits:?}");
        assert!(pairing.pair_at(&code, "right", now + GUESS_PERIOD).is_ok());
    }

    #[test]
    fn codes_are_few_and_of_devices_only() {
        let (_folder, pairing) = pairing();
        for role in [Role::Admin, Role::Feed, Role::Metrics] {
            let refused = pairing.offer(Offer { role, ..kiosk() }).unwrap_err();
            assert!(matches!(refused, PairingError::Role(_)), "{role}");
        }
        for zone in ["", "The Door", "a b"] {
            let offer = Offer { zone: Some(zone.into()), ..kiosk() };
            assert!(matches!(pairing.offer(offer), Err(PairingError::Device(_))), "{zone}");
        }
        for _ in 0..MAX_OPEN {
            pairing.offer(kiosk()).unwrap();
        }
        assert!(matches!(pairing.offer(kiosk()), Err(PairingError::TooMany)));
        let later = Instant::now() + CODE_LIFE;
        assert!(pairing.offer_at(kiosk(), later).is_ok(), "room comes back");
    }
}

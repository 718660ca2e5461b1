//! From when until when a certificate holds, and when the next is due.

use std::path::Path;

use x509_parser::pem::parse_x509_pem;

use super::error::IdentityError;
use super::files;
use crate::protocol::UnixMillis;

const DAY_MS: u64 = 24 * 3600 * 1000;
/// Boxes that enrolled on one day renew over this part of a certificate's life.
const SPREAD_PART: u64 = 30;
/// A person should look after a certificate of which only this part of its life is left.
const NEAR_END_PART: u64 = 9;

/// From when until when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// From.
    pub from: UnixMillis,
    /// Until.
    pub until: UnixMillis,
}

impl Lifetime {
    /// That of a certificate, PEM.
    pub fn parse(pem: &str) -> Result<Self, IdentityError> {
        let refuse = IdentityError::Certificate;
        let (_, block) =
            parse_x509_pem(pem.as_bytes()).map_err(|error| refuse(error.to_string()))?;
        let certificate = block.parse_x509().map_err(|error| refuse(error.to_string()))?;
        let validity = certificate.validity();
        let millis = |seconds: i64| UnixMillis(u64::try_from(seconds).unwrap_or(0) * 1000);
        Ok(Self {
            from: millis(validity.not_before.timestamp()),
            until: millis(validity.not_after.timestamp()),
        })
    }

    /// That of the certificate in a file; none where there is no file. Blocks on the disk.
    pub fn read(path: &Path) -> Result<Option<Self>, IdentityError> {
        files::read(path)
            .map_err(IdentityError::file("reading", path))?
            .map(|pem| Self::parse(&pem))
            .transpose()
    }

    /// When the next one is due: at two thirds of its life, and a little later for most of those
    /// that were made at once. `who` is a number that is always the same for one box.
    #[must_use]
    pub fn renew_at(self, who: u64) -> UnixMillis {
        let life = self.until.since(self.from);
        let spread = life / SPREAD_PART;
        let later = if spread == 0 { 0 } else { who % spread };
        self.from.plus(life / 3 * 2 + later)
    }

    /// Whether so little is left that somebody should look after it.
    #[must_use]
    pub fn is_near_end(self, now: UnixMillis) -> bool {
        self.until.since(now) < self.until.since(self.from) / NEAR_END_PART
    }

    /// Whole days that are left; 0 on the last and after it.
    #[must_use]
    pub fn days_left(self, now: UnixMillis) -> u64 {
        self.until.since(now) / DAY_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_life_and_not_by_all_at_once() {
        let life = Lifetime { from: NOW, until: NOW.plus(90 * DAY_MS) };
        for who in [0, 1, 7, u64::MAX] {
            let days = life.renew_at(who).since(NOW) / DAY_MS;
            assert!((60..63).contains(&days), "{who}: {days}");
        }
        assert_ne!(life.renew_at(1), life.renew_at(DAY_MS));
        for (day, left, near) in [(0, 90, false), (79, 11, false), (81, 9, true), (91, 0, true)] {
            let now = NOW.plus(day * DAY_MS);
            assert_eq!((life.days_left(now), life.is_near_end(now)), (left, near), "day {day}");
        }
    }

    #[test]
    fn it_is_read_from_the_certificate_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2026, 9, 21);
        params.not_after = rcgen::date_time_ymd(2026, 12, 20);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let life = Lifetime::parse(&certificate).unwrap();
        assert_eq!(life.until.since(life.from) / DAY_MS, 90);
        let path = folder.path().join("certificate.pem");
        std::fs::write(&path, certificate).unwrap();
        assert_eq!(Lifetime::read(&path).unwrap(), Some(life));
        assert_eq!(Lifetime::read(&folder.path().join("none")).unwrap(), None);
        for wrong in
            ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
        {
            assert!(Lifetime::parse(wrong).is_err(), "{wrong}");
        }
    }
}

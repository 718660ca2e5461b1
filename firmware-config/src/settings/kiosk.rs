//! Scanners, printers and lamps at a kiosk.

use crate::Percent;
use crate::sizes::structs;

structs! {
    /// A kiosk's periphery.
    struct Kiosk {
        /// Codes of EAN and UPC are read.
        reads_ean: bool = true,
        /// Codes 128 and 39 are read.
        reads_code128: bool = true,
        /// QR codes are read.
        reads_qr: bool = true,
        /// Milliseconds in which the same code counts once.
        same_code_ms: u16 = 1500,
        /// Dots of a printed line; 0 without a printer.
        printer_dots: u16 = 0,
        /// A receipt is cut off.
        printer_cuts: bool = true,
        /// Of the lamp that asks for the next shopper.
        lamp_brightness: Percent = Percent::new(60),
    }
}

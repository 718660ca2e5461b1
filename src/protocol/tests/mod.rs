//! The protocol seen from outside: golden bytes, damaged bytes, forged documents.

mod damage;
mod golden;
mod samples;
mod trust;

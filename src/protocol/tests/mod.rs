//! The protocol seen from outside: golden bytes, damaged bytes, forged documents.

mod damage;
mod documents;
mod golden;
mod samples;
mod trust;

//! Many simulated stores, which run the real protocol code, beside a real Mosquitto and a real
//! `endcap hq serve`; and one real store beside them, whose bytes are counted and whose processes are
//! killed.

mod broker;
mod headquarters;
mod kills;
mod process;
mod scale;
mod shop;
mod wan;

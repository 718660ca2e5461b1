mod find;
mod quality;
mod shop;
mod upkeep;
mod vectors;

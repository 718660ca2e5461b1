mod find;
mod shop;
mod quality;
mod upkeep;
mod vectors;

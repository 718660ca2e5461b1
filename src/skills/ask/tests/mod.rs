mod recalls;
mod rules;

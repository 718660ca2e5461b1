mod allergens;
mod recalls;
mod rules;
mod words;

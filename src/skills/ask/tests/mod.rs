mod allergens;
mod hours;
mod offers;
mod recalls;
mod rules;
mod words;

mod allergens;
mod compare;
mod hours;
mod offers;
mod recalls;
mod rules;
mod words;

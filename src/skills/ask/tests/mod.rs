mod hours;
mod offers;
mod rules;

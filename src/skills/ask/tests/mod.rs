mod compare;
mod hours;
mod offers;
mod rules;

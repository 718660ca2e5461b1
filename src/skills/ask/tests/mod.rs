mod hours;
mod rules;

<<<<<<< HEAD
mod allergens;
=======
mod compare;
>>>>>>> offers
mod hours;
mod offers;
mod recalls;
mod rules;
mod words;

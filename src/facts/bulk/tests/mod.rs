mod broken;
mod csv;
mod formats;

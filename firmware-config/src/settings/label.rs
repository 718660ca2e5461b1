//! Labels at shelves.

use crate::limits::{MAX_ELEMENTS, MAX_LAYOUTS, MAX_NAME_BYTES, MAX_SKU_BYTES};
use crate::sizes::{choices, structs};
use crate::{List, Rotation, Text};

choices! {
    /// What of a product is shown.
    enum Field {
        /// Its name.
        Name,
        /// What it costs.
        Price,
        /// What it cost before.
        WasPrice,
        /// What a kilogram, litre or piece of it costs.
        UnitPrice,
        /// Its bar code.
        Barcode,
        /// A promotion's words.
        Promotion,
        /// Where it comes from.
        Origin,
        /// What it holds that people may not bear.
        Allergens,
    }

    /// Where in its box an element stands.
    enum Align {
        /// At the left.
        Left,
        /// In the middle.
        Middle,
        /// At the right.
        Right,
    }
}

structs! {
    /// A label at a shelf.
    struct ShelfLabel {
        /// The product that it shows; none while it is being hung up.
        sku: Text<MAX_SKU_BYTES> = Text::new(),
        /// The layout that is shown, counted from 0.
        shown: u8 = 0,
        /// How far its display is turned.
        rotation: Rotation = Rotation::None,
        /// Light on dark.
        inverted: bool = false,
        /// What it can show.
        layouts: List<Layout, MAX_LAYOUTS> = List::new(),
    }

    /// One way to show a product.
    struct Layout {
        /// What it is called.
        name: Text<MAX_NAME_BYTES> = Text::new(),
        /// What is shown where.
        elements: List<Element, MAX_ELEMENTS> = List::new(),
    }

    /// One thing on a label, in dots.
    struct Element {
        /// What of the product.
        field: Field = Field::Name,
        /// From the left.
        x: u16 = 0,
        /// From above.
        y: u16 = 0,
        /// Its width.
        width: u16 = 0,
        /// Its height.
        height: u16 = 0,
        /// The number of its font.
        font: u8 = 0,
        /// Where in its box.
        align: Align = Align::Left,
    }
}

//! What everything may take, in bytes and numbers. On the wire and on disk: never changed.

/// A block as it is sent and stored: header, body, signature.
pub const MAX_BLOCK_BYTES: usize = 1152;

/// Before a block's body.
pub const HEADER_BYTES: usize = 52;

/// An ed25519 signature, behind the body.
pub const SIGNATURE_BYTES: usize = 64;

/// What remains for a block's settings.
pub const MAX_BODY_BYTES: usize = MAX_BLOCK_BYTES - HEADER_BYTES - SIGNATURE_BYTES;

/// Of a block, in one message of the link.
pub const MAX_CHUNK_BYTES: usize = 128;

/// A message of the link with its check sum, before it is stuffed for a serial line.
pub const MAX_FRAME_BYTES: usize = 160;

/// A frame on a serial line, with its zero byte.
pub const MAX_LINE_BYTES: usize = MAX_FRAME_BYTES + 2 + MAX_FRAME_BYTES / 254;

/// What flash may want to be written at once; all writes are made of so many bytes or fewer.
pub const MAX_WORD_BYTES: usize = 32;

/// Starts that a block on trial gets before it is given up.
pub const MAX_TRIES: usize = 3;

/// Keys that a device believes at once: while they change, the old and the new.
pub const MAX_KEYS: usize = 2;

/// An address of the box.
pub const MAX_ADDRESS_BYTES: usize = 48;

/// A zone, a layout, a fixed text on a label.
pub const MAX_NAME_BYTES: usize = 24;

/// A product that a label shows.
pub const MAX_SKU_BYTES: usize = 32;

/// Addresses, in the order in which they are tried.
pub const MAX_ENDPOINTS: usize = 3;

/// Times of the week in which a device may refresh itself.
pub const MAX_WINDOWS: usize = 4;

/// Layouts of one label.
pub const MAX_LAYOUTS: usize = 3;

/// Elements of one layout.
pub const MAX_ELEMENTS: usize = 8;

/// Sensors behind one gateway.
pub const MAX_SENSORS: usize = 16;

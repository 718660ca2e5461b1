//! The newest block of each device, on the disk before it is offered.

use std::collections::BTreeMap;
use std::path::Path;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::error::{During, FirmwareError};
use super::profiles::DeviceName;

const FILE: &str = "firmware.redb";
/// Memory for pages of the file.
const CACHE_BYTES: usize = 1 << 20;
/// By the device's name. A block says itself which version it is of.
const BLOCKS: TableDefinition<&str, &[u8]> = TableDefinition::new("blocks");
/// What others said that must hold while they say nothing: HQ's profiles.
const SAID: TableDefinition<&str, &str> = TableDefinition::new("said");
const OF_HQ: &str = "hq";

pub(super) struct Store(Database);

impl Store {
    pub(super) fn open(folder: &Path) -> Result<Self, FirmwareError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.create(folder.join(FILE)).during("opening the devices' blocks")?;
        let write = database.begin_write().during("opening the devices' blocks")?;
        write.open_table(BLOCKS).during("opening the devices' blocks")?;
        write.open_table(SAID).during("opening the devices' blocks")?;
        write.commit().during("opening the devices' blocks")?;
        Ok(Self(database))
    }

    /// All blocks.
    pub(super) fn blocks(&self) -> Result<BTreeMap<DeviceName, Vec<u8>>, FirmwareError> {
        let act = "reading the devices' blocks";
        let read = self.0.begin_read().during(act)?;
        let table = read.open_table(BLOCKS).during(act)?;
        let mut blocks = BTreeMap::new();
        for row in table.iter().during(act)? {
            let (name, block) = row.during(act)?;
            if let Ok(name) = DeviceName::parse(name.value()) {
                blocks.insert(name, block.value().to_vec());
            }
        }
        Ok(blocks)
    }

    /// HQ's profiles, as they were kept.
    pub(super) fn of_hq(&self) -> Result<Option<String>, FirmwareError> {
        let act = "reading HQ's profiles";
        let read = self.0.begin_read().during(act)?;
        let table = read.open_table(SAID).during(act)?;
        Ok(table.get(OF_HQ).during(act)?.map(|text| text.value().to_owned()))
    }

    /// Keeps HQ's profiles, or that it has none.
    pub(super) fn keep_of_hq(&self, text: Option<&str>) -> Result<(), FirmwareError> {
        let act = "keeping HQ's profiles";
        let write = self.0.begin_write().during(act)?;
        {
            let mut table = write.open_table(SAID).during(act)?;
            match text {
                Some(text) => drop(table.insert(OF_HQ, text).during(act)?),
                None => drop(table.remove(OF_HQ).during(act)?),
            }
        }
        write.commit().during(act)
    }

    /// These blocks instead of those that there were of the same devices, and none of devices that are
    /// gone. A device that comes back tells its floor.
    pub(super) fn keep<'a>(
        &self,
        new: impl IntoIterator<Item = (&'a DeviceName, &'a [u8])>,
        stays: impl Fn(&str) -> bool,
    ) -> Result<(), FirmwareError> {
        let act = "keeping the devices' blocks";
        let write = self.0.begin_write().during(act)?;
        {
            let mut table = write.open_table(BLOCKS).during(act)?;
            for (name, block) in new {
                table.insert(name.as_str(), block).during(act)?;
            }
            table.retain(|name, _| stays(name)).during(act)?;
        }
        write.commit().during(act)
    }
}

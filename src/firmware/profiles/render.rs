//! Layers laid over each other for each device of a store.

use super::{DeviceLayer, DeviceName, Fault, Layer, Profiles, Rendered};
use crate::error::FirmwareError;
use firmware_config::{Class, Text};

impl Profiles {
    /// These, with others over them: at each level what the others say goes before.
    #[must_use]
    pub fn under(mut self, others: Self) -> Self {
        others.chain.lay_over(&mut self.chain);
        for (name, layer) in others.regions {
            layer.lay_over(self.regions.entry(name).or_default());
        }
        for (name, store) in others.stores {
            let below = self.stores.entry(name).or_default();
            store.layer.lay_over(&mut below.layer);
            below.region = store.region.or(below.region.take());
        }
        for (name, layer) in others.zones {
            layer.lay_over(self.zones.entry(name).or_default());
        }
        for (name, mut device) in others.devices {
            if let Some(mut below) = self.devices.remove(&name) {
                device.layer.lay_over(&mut below.layer);
                device.layer = below.layer;
                device.zone = device.zone.or(below.zone);
            }
            self.devices.insert(name, device);
        }
        self
    }

    /// The devices that there are, with their classes.
    pub fn devices(&self) -> impl Iterator<Item = (&DeviceName, Class)> {
        self.devices.iter().map(|(name, device)| (name, device.class))
    }

    /// What every device of a store should run, or all that is wrong with it.
    pub fn render(&self, store: &str) -> Result<Vec<Rendered>, FirmwareError> {
        let (mut rendered, mut faults) = (Vec::new(), Vec::new());
        for (name, device) in &self.devices {
            match self.render_one(store, name, device) {
                Ok(one) => rendered.push(one),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(rendered) } else { Err(FirmwareError::Profiles(faults)) }
    }

    fn render_one(
        &self,
        store: &str,
        name: &DeviceName,
        device: &DeviceLayer,
    ) -> Result<Rendered, Fault> {
        let (store, zone) = (self.stores.get(store), device.zone.as_ref());
        let region = store.and_then(|store| self.regions.get(store.region.as_ref()?));
        let zone_layer = zone.and_then(|zone| self.zones.get(zone));
        let mut all = self.chain.clone();
        let layers = [region, store.map(|store| &store.layer), zone_layer, Some(&device.layer)];
        layers.into_iter().flatten().for_each(|layer: &Layer| layer.lay_over(&mut all));
        let at = |below: String| format!("device.{name}.{below}");
        let mut settings =
            all.settings(device.class).map_err(|(below, why)| Fault { path: at(below), why })?;
        if let Some(zone) = zone.filter(|_| settings.common.zone.is_empty()) {
            settings.common.zone = Text::try_from(zone.as_str()).map_err(|_| Fault {
                path: at("zone".to_owned()),
                why: "a device is told zones of at most 24 bytes".to_owned(),
            })?;
        }
        let (name, zone) = (name.clone(), zone.cloned());
        Ok(Rendered { name, class: device.class, zone, settings })
    }
}

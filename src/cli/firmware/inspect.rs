//! `endcap firmware-config inspect`.

use std::path::Path;

use anyhow::{Context as _, bail};
use firmware_config::{Block, Class, Identity, Keys, Refusal};

use super::{headline, of_hex, read_block};
use crate::cli::output;

pub(super) fn inspect(file: &Path, key: Option<&str>) -> anyhow::Result<()> {
    let bytes = read_block(file)?;
    let block = Block::parse(&bytes)
        .map_err(|refusal| anyhow::anyhow!("{} is no block: {refusal}", file.display()))?;
    output::line(&headline(&block))?;
    match block.unverified() {
        Ok(settings) => output::line(&toml::to_string(&settings).context("showing settings")?)?,
        Err(refusal) => output::note(&format!("its settings are not shown: {refusal}")),
    }
    let Some(key) = key else {
        output::note("its signature was not looked at; --key KEY does");
        return Ok(());
    };
    let key = of_hex(key).context("--key has 64 hexadecimal digits")?;
    match believed(&block, &key) {
        Ok(()) => output::note("signed by this key"),
        Err(refusal) => bail!("not to be believed: {refusal}"),
    }
    Ok(())
}

/// Whether whoever it is for may believe it.
fn believed(block: &Block<'_>, key: &[u8; 32]) -> Result<(), Refusal> {
    let header = block.header();
    let class = Class::of_number(header.class).ok_or(Refusal::OtherClass)?;
    let identity = Identity { store: header.store, device: header.device, class };
    block.open(&identity, &Keys::new(&[*key])).map(drop)
}

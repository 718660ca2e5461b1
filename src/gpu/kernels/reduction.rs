//! How the invocations of a workgroup make one number of what each has.

/// A way to add up what invocations have, or to find the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Reduction {
    /// Through what they share; every device can.
    #[default]
    Shared,
    /// Those that run in step among themselves, then through what they share. Which invocations run in
    /// step, and how many, is the device's business.
    Subgroups,
}

/// Adds up what all of so many invocations have put into `sums`; it is in the first of these after the
/// next barrier.
pub(super) fn add_up(threads: usize) -> String {
    format!(
        "    for (var half = {half}u; half > 0u; half = half / 2u) {{
        workgroupBarrier();
        if (at < half) {{
            sums[at] += sums[at + half];
        }}
    }}
",
        half = threads / 2,
    )
}

/// Invocations that run in step, at least.
const LEAST_IN_STEP: usize = 4;

impl Reduction {
    /// What `main` takes besides, in WGSL.
    pub(super) fn arguments(self) -> &'static str {
        match self {
            Self::Shared => "",
            Self::Subgroups => {
                ",
    @builtin(subgroup_id) subgroup: u32, @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) within: u32"
            }
        }
    }

    /// Subgroups of so many invocations, at most.
    pub(super) const fn most(threads: usize) -> usize {
        threads.div_ceil(LEAST_IN_STEP)
    }
}

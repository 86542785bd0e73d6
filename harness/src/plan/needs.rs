//! What cases need beside an emulator that runs their programs: a kernel of their own machine.

use std::borrow::Cow;
use std::collections::BTreeSet;

use triplecheck_emulators::lookup::Options;
use triplecheck_emulators::target::Target;

use super::{Origin, Plan, PlannedSuite, PlannedTarget};

impl Plan {
    /// What the cases of the run need, as far as names tell now: whether some need no kernel of their own machine (`false`), and
    /// whether some do (`true`).
    pub fn needs(&self) -> Vec<bool> {
        let wanted: Vec<&PlannedSuite> =
            self.suites.iter().filter(|suite| self.wants_suite(&suite.name)).collect();
        let plain = wanted.is_empty() || wanted.iter().any(|suite| suite.needs().contains(&false));
        let kernel = wanted.iter().any(|suite| suite.needs().contains(&true));
        [plain.then_some(false), kernel.then_some(true)].into_iter().flatten().collect()
    }

    /// The targets on which some case needs a kernel of its own machine, as far as names tell now.
    pub fn kernel_targets(&self) -> impl Iterator<Item = &PlannedTarget> {
        let suites: Vec<&PlannedSuite> =
            self.suites.iter().filter(|suite| self.wants_suite(&suite.name)).collect();
        self.targets
            .iter()
            .filter(move |planned| suites.iter().any(|suite| suite.needs_kernel_on(&planned.target)))
    }
}

impl PlannedTarget {
    /// The target as a case runs on it that needs a kernel, or does not.
    #[must_use]
    pub fn with_kernel(&self, needed: bool) -> Cow<'_, Self> {
        if self.options.needs_kernel || !needed {
            return Cow::Borrowed(self);
        }
        let options = Options { needs_kernel: true, ..self.options.clone() };
        Cow::Owned(Self { options, ..self.clone() })
    }
}

impl PlannedSuite {
    /// Whether its cases need a kernel of their own machine, with both answers where some do.
    fn needs(&self) -> BTreeSet<bool> {
        let cases = self.programs.values().chain([&self.defaults]).flat_map(|refinement| &refinement.cases);
        cases.map(|case| case.needs_kernel).chain(self.has_tests_that_need_one().then_some(true)).collect()
    }

    fn has_tests_that_need_one(&self) -> bool {
        matches!(&self.origin, Origin::Cargo(origin) if !origin.needs_kernel.is_empty())
    }

    /// Whether some of its cases are run on the target and need a kernel there.
    fn needs_kernel_on(&self, target: &Target) -> bool {
        let of_tests = self.has_tests_that_need_one();
        self.programs.values().chain([&self.defaults]).any(|refinement| {
            !refinement.is_excepted(target)
                && (of_tests || refinement.cases.iter().any(|case| case.needs_kernel))
        })
    }
}

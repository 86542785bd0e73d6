//! The one line that a server says when its guest is up, and what of it is to be told.

use super::Wanted;

/// What is to be told of a guest that is up.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Up {
    /// Why it is not under KVM, where it should have been. It is remembered, and so told once.
    pub(crate) not_kvm: Option<String>,
    /// Why it was booted, where others are restored, and what mends it.
    pub(crate) not_restored: Option<String>,
}

/// The first word of the line.
const UP: &str = "up";
/// What stands before each part of it, and in none.
const SEPARATOR: char = '\t';

/// What a part begins with.
const NOT_KVM: &str = "not-kvm ";
const NOT_RESTORED: &str = "not-restored ";

impl Up {
    /// The line of the server.
    pub(super) fn line(&self) -> String {
        let parts = [(NOT_KVM, &self.not_kvm), (NOT_RESTORED, &self.not_restored)];
        let said = parts.into_iter().filter_map(|(name, why)| {
            Some(format!("{SEPARATOR}{name}{}", why.as_ref()?.replace(['\n', SEPARATOR], " ")))
        });
        format!("{UP}{}\n", said.collect::<String>())
    }

    /// What the server's line says; `None` where its guest is not up.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut parts = line.split(SEPARATOR);
        if parts.next() != Some(UP) {
            return None;
        }
        let mut up = Self::default();
        for part in parts {
            if let Some(why) = part.strip_prefix(NOT_KVM) {
                up.not_kvm = Some(why.to_owned());
            } else if let Some(why) = part.strip_prefix(NOT_RESTORED) {
                up.not_restored = Some(why.to_owned());
            }
        }
        Some(up)
    }

    /// The sentences for the user.
    pub(crate) fn notes(&self, wanted: &Wanted) -> Vec<String> {
        let not_kvm = self.not_kvm.iter().map(|why| without_kvm(why));
        let not_restored = self.not_restored.iter().map(|why| {
            let (kernel, machine) = (wanted.kernel_name(), wanted.system.machine);
            format!("the guest system of {kernel} for {machine} was booted and not restored: {why}")
        });
        not_kvm.chain(not_restored).collect()
    }
}

/// What is said where a system was to run under KVM and does not.
pub(super) fn without_kvm(why: &str) -> String {
    format!("guest systems run without KVM from now on, until the host is booted again: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(not_kvm: Option<&str>, not_restored: Option<&str>, line: &str) {
        let owned = |why: Option<&str>| why.map(str::to_owned);
        let up = Up { not_kvm: owned(not_kvm), not_restored: owned(not_restored) };
        assert_eq!(up.line(), line);
        let flat = |why: Option<&str>| why.map(|why| why.replace(['\n', '\t'], " "));
        let flat = Up { not_kvm: flat(not_kvm), not_restored: flat(not_restored) };
        assert_eq!(Up::read(line.trim_end_matches('\n')), Some(flat));
    }

    #[test]
    fn what_a_server_says_is_read_as_it_was_meant() {
        check(None, None, "up\n");
        check(Some("no\nuse"), None, "up\tnot-kvm no use\n");
        check(None, Some("a\tb"), "up\tnot-restored a b\n");
        check(Some("up"), Some("why"), "up\tnot-kvm up\tnot-restored why\n");
        assert_eq!(Up::read("upset"), None);
        assert_eq!(Up::read(""), None);
    }

    #[test]
    fn a_boot_in_the_place_of_a_restore_is_told_with_the_kernel() {
        let words = "--machine s390x --qemu q --kernel /c/6.1.0-50 --cpu max --accel tcg --board b";
        let words: Vec<std::ffi::OsString> = words.split(' ').map(Into::into).collect();
        let wanted = Wanted::of_words(&words).unwrap();
        let up = Up { not_restored: Some("a reason".to_owned()), ..Up::default() };
        let note = "the guest system of linux-6.1 for s390x was booted and not restored: a reason";
        assert_eq!(up.notes(&wanted), [note]);
        assert!(Up::default().notes(&wanted).is_empty());
    }
}

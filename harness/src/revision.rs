//! At which commit a project's repository is, read from git's own files: git itself may not be there.

use std::path::{Path, PathBuf};

/// The commit of the nearest repository at or above `directory`, as git writes it; `None` where there is none, or git keeps
/// it in a way that is not known here.
pub fn of(directory: &Path) -> Option<String> {
    let dot_git = directory.ancestors().map(|above| above.join(".git")).find(|path| path.exists())?;
    let git = if dot_git.is_dir() { dot_git } else { linked(&dot_git)? };
    let head = read(&git.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref: ") else { return commit(&head) };
    // A linked worktree has a HEAD of its own and shares all branches.
    let common = read(&git.join("commondir")).map_or(git.clone(), |path| git.join(path));
    read(&common.join(name)).map_or_else(|| packed(&common, name), |text| commit(&text))
}

/// The directory that a `.git` file names.
fn linked(file: &Path) -> Option<PathBuf> {
    let text = read(file)?;
    Some(file.parent()?.join(text.strip_prefix("gitdir: ")?))
}

fn packed(git: &Path, name: &str) -> Option<String> {
    let refs = read(&git.join("packed-refs"))?;
    let line = refs.lines().find(|line| line.split_once(' ').is_some_and(|(_, other)| other == name))?;
    commit(line.split_once(' ')?.0)
}

fn read(path: &Path) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}

/// SHA-1, or SHA-256.
fn commit(text: &str) -> Option<String> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && matches!(text.len(), 40 | 64)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_found_wherever_git_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(64));
        write(".git/HEAD", &format!("{a}\n"));
        write("below/file", "");
        assert_eq!(of(&root.join("below")), Some(a.clone()), "no branch");
        write(".git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(of(root), None, "no commit yet");
        write(".git/packed-refs", &format!("# pack-refs\n{b} refs/heads/main\n"));
        assert_eq!(of(root), Some(b));
        write(".git/refs/heads/main", &format!("{a}\n"));
        assert_eq!(of(root), Some(a));
        write(".git/worktrees/w/HEAD", "ref: refs/heads/w\n");
        write(".git/worktrees/w/commondir", "../..\n");
        write(".git/refs/heads/w", &c);
        write("tree/.git", &format!("gitdir: {}/.git/worktrees/w\n", root.display()));
        assert_eq!(of(&root.join("tree")), Some(c), "a linked worktree");
        write(".git/HEAD", "garbage");
        assert_eq!(of(root), None);
    }
}

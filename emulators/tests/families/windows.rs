//! Wine: its prefix, its DLLs and the program's, its locale.

use super::*;

fn wine_host(version: &str) -> TableHost {
    host().program("/usr/lib/wine/wine64").version_of("/usr/lib/wine/wine64", version)
}

#[test]
fn wine_runs_in_a_private_prefix_without_its_crash_dialogue() {
    let launch = run(of(&wine_host("8.0"), WINDOWS, &pe(0x8664, &["msvcrt.dll"]), &Options::default()));
    assert_eq!(
        shell(&launch),
        "env -u TMPDIR WINEPREFIX=/cache/wine/8.0-x86_64 WINEDEBUG=-all \
         WINEDLLOVERRIDES=winedbg.exe=d\"${WINEDLLOVERRIDES:+;$WINEDLLOVERRIDES}\" /usr/lib/wine/wine64 /t/prog x"
    );
    assert_eq!(
        launch.preparation,
        Some(Preparation::WinePrefix {
            prefix: "/cache/wine/8.0-x86_64".into(),
            wine: "/usr/lib/wine/wine64".into(),
            shims: vec![]
        })
    );
}

#[test]
fn a_go_program_loads_the_missing_dll_without_naming_it() {
    let Binary::Pe(program) = pe(0x8664, &["kernel32.dll"]) else { unreachable!("it is a PE") };
    for (version, linker, wants) in [("8.0", (3, 0), true), ("8.0", (14, 0), false), ("9.0", (3, 0), false)] {
        let binary = Binary::Pe(Pe { linker, ..program.clone() });
        let launch = run(of(&wine_host(version), WINDOWS, &binary, &Options::default()));
        let Some(Preparation::WinePrefix { shims, .. }) = launch.preparation else {
            unreachable!("Wine has a prefix")
        };
        assert_eq!(!shims.is_empty(), wants, "{version} {linker:?}");
    }
}

#[test]
fn an_old_wine_gets_the_missing_dll_and_a_new_one_does_not() {
    let rust = pe(0x8664, &["KERNEL32.dll", "BCryptPrimitives.dll"]);
    let options = Options { library_path: vec!["/opt/dll".into()], ..Options::default() };
    let old = shell(&run(of(&wine_host("8.0"), WINDOWS, &rust, &options)));
    assert!(
        old.contains(r#"WINEPATH='Z:\opt\dll;Z:\cache\wine\8.0-x86_64-shims'"${WINEPATH:+;$WINEPATH}""#),
        "{old}"
    );
    let new = shell(&run(of(&wine_host("10.0"), WINDOWS, &rust, &options)));
    assert!(new.contains(r#"WINEPATH='Z:\opt\dll'"${WINEPATH"#), "{new}");
}

/// Wine with its own DLLs, and Debian's mingw runtime in both thread models.
fn dll_host() -> TableHost {
    wine_host("10.0")
        .file("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/ntdll.dll")
        .file("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/kernel32.dll")
        .binary_at(
            "/usr/lib/gcc/x86_64-w64-mingw32/12-win32/libgcc_s_seh-1.dll",
            pe(0x8664, &["KERNEL32.dll"]),
        )
        .binary_at(
            "/usr/lib/gcc/x86_64-w64-mingw32/12-posix/libgcc_s_seh-1.dll",
            pe(0x8664, &["libwinpthread-1.dll"]),
        )
        .binary_at("/usr/x86_64-w64-mingw32/lib/libwinpthread-1.dll", pe(0x8664, &["KERNEL32.dll"]))
        .binary_at("/t/cmocka.dll", pe(0x8664, &["KERNEL32.dll", "libgcc_s_seh-1.dll"]))
}

/// The program stands in `/t`.
fn beside() -> Options {
    Options { origin: Some("/t".into()), ..Options::default() }
}

#[test]
fn dlls_of_the_compilers_runtime_are_found_behind_other_dlls() {
    let win32 = r"WINEPATH='Z:\usr\lib\gcc\x86_64-w64-mingw32\12-win32'";
    let posix = r"WINEPATH='Z:\usr\lib\gcc\x86_64-w64-mingw32\12-posix;Z:\usr\x86_64-w64-mingw32\lib'";
    for (imports, expected) in [
        (&["kernel32.dll"][..], None),
        (&["api-ms-win-crt-stdio-l1-1-0.dll", "KERNEL32.dll"], None),
        // Beside the program, in another spelling, and what that one needs.
        (&["CMOCKA.dll"], Some(win32)),
        (&["libgcc_s_seh-1.dll", "libwinpthread-1.dll"], Some(posix)),
    ] {
        let line = shell(&run(of(&dll_host(), WINDOWS, &pe(0x8664, imports), &beside())));
        match expected {
            Some(words) => assert!(line.contains(words), "{imports:?}: {line}"),
            None => assert!(!line.contains("WINEPATH"), "{imports:?}: {line}"),
        }
    }
}

#[test]
fn a_dll_that_is_nowhere_is_named_before_the_start() {
    let reason = cannot(of(&dll_host(), WINDOWS, &pe(0x8664, &["plugin.dll"]), &beside()));
    assert_eq!(
        reason.text,
        "`plugin.dll`, which the program imports, is not beside the program, not in WINEPATH, and not part of Wine"
    );
    assert_eq!((reason.obstacle, reason.missing), (Obstacle::LibraryMissing, vec![]));
    let host = dll_host().binary_at("/t/outer.dll", pe(0x8664, &["libstdc++-6.dll"]));
    let reason = cannot(of(&host, WINDOWS, &pe(0x8664, &["outer.dll"]), &beside()));
    assert!(reason.text.starts_with("`libstdc++-6.dll`, which `outer.dll` imports"), "{}", reason.text);
    assert_eq!(reason.missing, [Piece::CrossGcc("x86_64-w64-mingw32")]);
    // Where it is in the caller's own list it is Wine that finds it, and where Wine's DLLs are not known nothing is said.
    let host = dll_host().file("/opt/dll/plugin.dll").variable("WINEPATH", r"C:\x;Z:\opt\dll");
    run(of(&host, WINDOWS, &pe(0x8664, &["plugin.dll"]), &beside()));
    run(of(&wine_host("10.0"), WINDOWS, &pe(0x8664, &["plugin.dll"]), &beside()));
}

#[test]
fn wine_gets_a_utf8_locale_and_keeps_the_users_words() {
    let host = wine_host("10.0")
        .variable("LANG", "C.UTF-8")
        .variable("LC_ALL", "C")
        .variable("WINEDEBUG", "+relay")
        .variable("WINEDLLOVERRIDES", "winedbg.exe=n");
    let line = shell(&run(of(&host, WINDOWS, &pe(0x8664, &[]), &Options::default())));
    assert_eq!(
        line,
        "env -u TMPDIR WINEPREFIX=/cache/wine/10.0-x86_64 LC_ALL=C.UTF-8 /usr/lib/wine/wine64 /t/prog x"
    );
}

#[test]
fn a_32_bit_windows_program_needs_a_wine_that_has_a_32_bit_part() {
    let program = pe(0x14c, &[]);
    let triple = "i686-pc-windows-gnu";
    let reason = cannot(of(&wine_host("8.0"), triple, &program, &Options::default()));
    assert_eq!(reason.text, "only 64-bit Wine is installed, and this is a 32-bit program");
    assert_eq!(reason.missing, [Piece::Wine32]);
    let dll = "/usr/lib/x86_64-linux-gnu/wine/i386-windows/ntdll.dll";
    cannot(of(&wine_host("8.0").file(dll), triple, &program, &Options::default()));
    run(of(&wine_host("10.0").file(dll), triple, &program, &Options::default()));
    let both = wine_host("8.0").program("/usr/lib/wine/wine").library("/usr/lib/wine/wine", machine(I686));
    let launch = run(of(&both, triple, &program, &Options::default()));
    assert_eq!(launch.emulator.program, Some(PathBuf::from("/usr/lib/wine/wine")));
}

#[test]
fn a_windows_program_for_another_processor_is_no_case_for_wine() {
    let reason =
        cannot(of(&wine_host("10.0"), "aarch64-pc-windows-msvc", &pe(0xaa64, &[]), &Options::default()));
    assert_eq!(reason.obstacle, Obstacle::NoEmulator);
    assert!(reason.text.contains("aarch64") && reason.text.contains("x86_64"), "{}", reason.text);
}

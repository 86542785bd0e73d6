//! The smallest programs that have everything a header reader looks at, made in memory: no compiler needed,
//! and every field can be set to a value that no linker would write.

use triplecheck_emulators::target::Endian;

/// Bytes with numbers of one byte order and word width.
struct Writer {
    bytes: Vec<u8>,
    endian: Endian,
    bits: u8,
}

impl Writer {
    fn new(endian: Endian, bits: u8) -> Self {
        Self { bytes: Vec::new(), endian, bits }
    }

    fn number(&mut self, value: u64, len: usize) {
        match self.endian {
            Endian::Little => self.bytes.extend_from_slice(&value.to_le_bytes()[..len]),
            Endian::Big => self.bytes.extend_from_slice(&value.to_be_bytes()[8 - len..]),
        }
    }

    fn half(&mut self, value: u64) {
        self.number(value, 2);
    }

    fn int(&mut self, value: u64) {
        self.number(value, 4);
    }

    /// An address, offset or size: as wide as the class.
    fn word(&mut self, value: u64) {
        self.number(value, usize::from(self.bits) / 8);
    }

    fn pad_by(&mut self, len: u64) {
        self.pad_to(self.bytes.len() as u64 + len);
    }

    fn pad_to(&mut self, len: u64) {
        let len = usize::try_from(len).expect("images are small");
        assert!(self.bytes.len() <= len, "{} bytes are already more than {len}", self.bytes.len());
        self.bytes.resize(len, 0);
    }
}

/// An ELF file with one loadable segment that covers all of it.
#[derive(Debug, Clone)]
pub(crate) struct ElfImage {
    pub(crate) bits: u8,
    pub(crate) endian: Endian,
    /// `e_type`: 1 object, 2 program, 3 shared object or position-independent program, 4 core.
    pub(crate) kind: u16,
    pub(crate) machine: u16,
    pub(crate) flags: u32,
    pub(crate) entry: u64,
    pub(crate) interpreter: Option<&'static str>,
    /// The dynamic section's strings by tag (1 `DT_NEEDED`, 15 `DT_RPATH`, 29 `DT_RUNPATH`); `None` for no
    /// dynamic section at all.
    pub(crate) dynamic: Option<Vec<(u64, String)>>,
    /// Instead of the true size of the string table.
    pub(crate) strings_len: Option<u64>,
    /// Whether `DT_NULL` ends the dynamic section.
    pub(crate) ended: bool,
}

impl ElfImage {
    /// A dynamic program for `machine`.
    pub(crate) fn program(bits: u8, endian: Endian, machine: u16) -> Self {
        Self {
            bits,
            endian,
            kind: 2,
            machine,
            flags: 0,
            entry: 0x1_0040,
            interpreter: Some("/lib/ld-test.so.1"),
            dynamic: Some(vec![(1, "libm.so.6".into()), (1, "libc.so.6".into())]),
            strings_len: None,
            ended: true,
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        const BASE: u64 = 0x1_0000;
        let (header_len, segment_len, entry_len) = if self.bits == 64 { (64, 56, 16) } else { (52, 32, 8) };
        let interpreter: Vec<u8> =
            self.interpreter.map_or_else(Vec::new, |path| [path.as_bytes(), &[0]].concat());
        let count = 1 + u64::from(self.interpreter.is_some()) + u64::from(self.dynamic.is_some());
        let interpreter_at = header_len + count * segment_len;
        let strings_at = interpreter_at + interpreter.len() as u64;
        let mut strings = vec![0];
        let mut entries = Vec::new();
        for (tag, text) in self.dynamic.iter().flatten() {
            entries.push((*tag, strings.len() as u64));
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
        }
        entries.push((5, BASE + strings_at));
        entries.push((10, self.strings_len.unwrap_or(strings.len() as u64)));
        if self.ended {
            entries.push((0, 0));
        }
        let dynamic_at = strings_at + strings.len() as u64;
        let dynamic_len = entries.len() as u64 * entry_len;
        let end = dynamic_at + if self.dynamic.is_some() { dynamic_len } else { 0 };

        let mut out = Writer::new(self.endian, self.bits);
        self.write_header(&mut out, count);
        let mut segment = |kind, offset: u64, len: u64| {
            let address = BASE + offset;
            out.int(kind);
            if self.bits == 64 {
                out.int(4);
            }
            for value in [offset, address, address, len, len] {
                out.word(value);
            }
            if self.bits == 32 {
                out.int(4);
            }
            out.word(1);
        };
        segment(1, 0, end);
        if self.interpreter.is_some() {
            segment(3, interpreter_at, interpreter.len() as u64);
        }
        if self.dynamic.is_some() {
            segment(2, dynamic_at, dynamic_len);
        }
        out.bytes.extend_from_slice(&interpreter);
        out.bytes.extend_from_slice(&strings);
        if self.dynamic.is_some() {
            for (tag, value) in entries {
                out.word(tag);
                out.word(value);
            }
        }
        out.bytes
    }

    fn write_header(&self, out: &mut Writer, segments: u64) {
        let data = if self.endian == Endian::Little { 1 } else { 2 };
        out.bytes.extend_from_slice(&[0x7f, b'E', b'L', b'F', self.bits / 32, data, 1]);
        out.pad_to(16);
        out.half(self.kind.into());
        out.half(self.machine.into());
        out.int(1);
        out.word(self.entry);
        let (header_len, segment_len) = if self.bits == 64 { (64, 56) } else { (52, 32) };
        out.word(header_len);
        out.word(0);
        out.int(self.flags.into());
        for value in [header_len, segment_len, segments, 0, 0, 0] {
            out.half(value);
        }
    }
}

/// A PE file with one section, which holds its imports.
#[derive(Debug, Clone)]
pub(crate) struct PeImage {
    /// PE32+ and not PE32.
    pub(crate) wide: bool,
    pub(crate) machine: u16,
    pub(crate) subsystem: u16,
    pub(crate) dll: bool,
    pub(crate) imports: Vec<&'static str>,
    pub(crate) delay_imports: Vec<&'static str>,
    /// Delay-load descriptors hold absolute addresses, as Visual C++ 6 wrote them.
    pub(crate) delay_absolute: bool,
    /// A descriptor full of zeros ends each table.
    pub(crate) ended: bool,
}

impl PeImage {
    /// Where the PE header starts.
    pub(crate) const HEADER: usize = 0x80;
    /// Where the section starts in the file.
    pub(crate) const SECTION: u64 = 0x400;

    pub(crate) fn program(wide: bool, machine: u16) -> Self {
        Self {
            wide,
            machine,
            subsystem: 3,
            dll: false,
            imports: vec!["KERNEL32.dll", "msvcrt.dll"],
            delay_imports: Vec::new(),
            delay_absolute: false,
            ended: true,
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        const ADDRESS: u64 = 0x1000;
        const BASE: u64 = 0x40_0000;
        let end = u64::from(self.ended);
        let delay_at = ADDRESS + (self.imports.len() as u64 + end) * 20;
        let names_at = delay_at + (self.delay_imports.len() as u64 + end) * 32;
        let mut names = Vec::new();
        let mut section = Writer::new(Endian::Little, 32);
        let mut name = |text: &str| {
            let address = names_at + names.len() as u64;
            names.extend_from_slice(text.as_bytes());
            names.push(0);
            address
        };
        for import in &self.imports {
            for value in [0, 0, 0, name(import), ADDRESS] {
                section.int(value);
            }
        }
        section.pad_by(5 * 4 * end);
        for import in &self.delay_imports {
            let (attributes, base) = if self.delay_absolute { (0, BASE) } else { (1, 0) };
            for value in [attributes, name(import) + base, 0, 0, 0, 0, 0, 0] {
                section.int(value);
            }
        }
        section.pad_by(8 * 4 * end);
        section.bytes.extend_from_slice(&names);
        let section_len = section.bytes.len() as u64;

        let mut out = Writer::new(Endian::Little, if self.wide { 64 } else { 32 });
        self.write_headers(&mut out, BASE);
        let delay_table = if self.delay_imports.is_empty() { 0 } else { delay_at };
        for index in 0..16 {
            let table = [(1, ADDRESS), (13, delay_table)].into_iter().find(|(at, _)| *at == index);
            out.int(table.map_or(0, |(_, address)| address));
            out.int(0);
        }
        out.bytes.extend_from_slice(b".idata\0\0");
        for value in [section_len, ADDRESS, section_len, Self::SECTION, 0, 0, 0, 0x4000_0040] {
            out.int(value);
        }
        out.pad_to(Self::SECTION);
        out.bytes.extend_from_slice(&section.bytes);
        out.bytes
    }

    fn write_headers(&self, out: &mut Writer, base: u64) {
        out.bytes.extend_from_slice(b"MZ");
        out.pad_to(0x18);
        out.half(0x40);
        out.pad_to(0x3c);
        out.int(Self::HEADER as u64);
        out.pad_to(Self::HEADER as u64);
        out.bytes.extend_from_slice(b"PE\0\0");
        out.half(self.machine.into());
        out.half(1);
        for value in [0, 0, 0] {
            out.int(value);
        }
        out.half(if self.wide { 240 } else { 224 });
        out.half(if self.dll { 0x2002 } else { 0x0002 });
        // The optional header, up to the directories.
        let start = out.bytes.len() as u64;
        out.half(if self.wide { 0x20b } else { 0x10b });
        out.pad_to(start + if self.wide { 24 } else { 28 });
        out.word(base);
        out.pad_to(start + 60);
        out.int(Self::SECTION);
        out.pad_to(start + 68);
        out.half(self.subsystem.into());
        out.pad_to(start + if self.wide { 108 } else { 92 });
        out.int(16);
    }
}

/// A WebAssembly module of the given sections: identifier and body.
pub(crate) fn wasm_module(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, body) in sections {
        bytes.push(*id);
        bytes.extend_from_slice(&leb128(body.len()));
        bytes.extend_from_slice(body);
    }
    bytes
}

/// An import or export section: a count and entries, each its names followed by what `tail` says.
pub(crate) fn wasm_list(entries: &[(&[&str], &[u8])]) -> Vec<u8> {
    let mut body = leb128(entries.len());
    for (names, tail) in entries {
        for name in *names {
            body.extend_from_slice(&leb128(name.len()));
            body.extend_from_slice(name.as_bytes());
        }
        body.extend_from_slice(tail);
    }
    body
}

/// An unsigned integer as WebAssembly writes it.
pub(crate) fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

//! Strings and Unicode: case mapping, character boundaries, encodings, splitting, searching, escaping.
//! Equal everywhere: the tables are std's own, no locale takes part.

fn main() {
    for text in ["Straße", "ΌΣΟΣ", "İstanbul", "ﬁn", "日本語", "e\u{301}", "🦀 crab"] {
        println!(
            "{text}: {} {} | {} bytes, {} chars, {} utf-16",
            text.to_uppercase(),
            text.to_lowercase(),
            text.len(),
            text.chars().count(),
            text.encode_utf16().count()
        );
    }
    let text = "  key = value = more\t\r\n";
    println!("{:?} {:?}", text.trim(), text.trim_start().split_once(" = "));
    println!("{:?}", "a,b,,c,".split(',').collect::<Vec<_>>());
    println!("{:?}", "a1b22c333".split(|c: char| c.is_ascii_digit()).collect::<Vec<_>>());
    println!("{:?} {:?}", "naïve".find('v'), "naïve".is_char_boundary(3));
    println!("{:?}", "tab\tquote\"back\\slash\u{7f}\u{200b}é".escape_debug().to_string());
    println!("{}", String::from_utf8_lossy(&[b'a', 0xff, 0xe2, 0x82, b'b', 0xe2, 0x82, 0xac]));
    println!(
        "{:?}",
        std::str::from_utf8(&std::hint::black_box([b'a', 0xc0])).map_err(|error| error.valid_up_to())
    );
    println!("{:?}", String::from_utf16(&[0xd83e, 0xdd80]));
    println!("{:?}", char::from_u32(0xd800));
    let mut word = String::from("triplecheck");
    word.replace_range(..6, "double ");
    word.insert(0, '>');
    println!("{word} {}", "ab".repeat(3).replace("ba", "-"));
    println!("{:?}", "line one\nline two\r\n\nlast".lines().collect::<Vec<_>>());
    println!("{:?}", 'Ǆ'.to_lowercase().chain('ß'.to_uppercase()).collect::<String>());
}

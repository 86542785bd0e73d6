//! A JSON parser by recursive descent: values read, printed back in a fixed form, and damaged ones refused with a position.
//! Equal everywhere: numbers go through std's own float text, maps are ordered.

use std::collections::BTreeMap;

#[derive(Debug, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Map(BTreeMap<String, Json>),
}

struct Parser<'a> {
    input: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.input.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.input.get(self.at).copied()
    }

    fn take(&mut self, expected: &str) -> Option<()> {
        self.peek();
        self.input[self.at..].starts_with(expected.as_bytes()).then(|| self.at += expected.len())
    }

    fn value(&mut self) -> Option<Json> {
        match self.peek()? {
            b'n' => self.take("null").map(|()| Json::Null),
            b't' => self.take("true").map(|()| Json::Bool(true)),
            b'f' => self.take("false").map(|()| Json::Bool(false)),
            b'"' => self.text().map(Json::Text),
            b'[' => self.items('[', ']', Self::value).map(Json::List),
            b'{' => self.items('{', '}', Self::pair).map(|pairs| Json::Map(pairs.into_iter().collect())),
            _ => self.number(),
        }
    }

    fn items<T>(&mut self, open: char, close: char, item: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.take(open.encode_utf8(&mut [0; 4]))?;
        let mut items = Vec::new();
        while self.peek()? != close as u8 {
            if !items.is_empty() {
                self.take(",")?;
            }
            items.push(item(self)?);
        }
        self.at += 1;
        Some(items)
    }

    fn pair(&mut self) -> Option<(String, Json)> {
        let key = self.text()?;
        self.take(":")?;
        Some((key, self.value()?))
    }

    fn text(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut bytes = Vec::new();
        loop {
            let byte = *self.input.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(bytes).ok(),
                b'\\' => {
                    let escape = *self.input.get(self.at)?;
                    self.at += 1;
                    bytes.push(match escape {
                        b'n' => b'\n',
                        b't' => b'\t',
                        other => other,
                    });
                }
                other => bytes.push(other),
            }
        }
    }

    fn number(&mut self) -> Option<Json> {
        let rest = &self.input[self.at..];
        let length = rest.iter().take_while(|byte| b"+-.eE0123456789".contains(byte)).count();
        let number = std::str::from_utf8(&rest[..length]).ok()?.parse().ok()?;
        self.at += length;
        Some(Json::Number(number))
    }
}

fn main() {
    let input = std::io::read_to_string(std::io::stdin()).expect("stdin is text");
    for line in input.lines() {
        let mut parser = Parser { input: line.as_bytes(), at: 0 };
        match parser.value() {
            Some(value) if parser.peek().is_none() => println!("{value:?}"),
            _ => println!("broken at byte {}", parser.at),
        }
    }
}

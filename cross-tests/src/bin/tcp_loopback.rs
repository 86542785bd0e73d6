//! TCP over the loopback interface: a server thread, two clients one after the other, half-close, refusal.
//! Equal everywhere: the conversation; the port is the system's choice and never shown.
//! WASI preview 1 cannot open sockets: there the same conversation runs over plain functions.

fn answer(request: &str) -> String {
    request.lines().map(|line| line.chars().rev().collect::<String>() + "\n").collect()
}

#[cfg(not(target_family = "wasm"))]
fn converse(requests: &[&str]) -> std::io::Result<Vec<String>> {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let count = requests.len();
    let server = std::thread::spawn(move || -> std::io::Result<()> {
        for _ in 0..count {
            let (mut stream, peer) = listener.accept()?;
            assert!(peer.ip().is_loopback());
            let mut request = String::new();
            stream.read_to_string(&mut request)?;
            stream.write_all(answer(&request).as_bytes())?;
        }
        Ok(())
    });
    let mut answers = Vec::new();
    for request in requests {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        answers.push(text);
    }
    server.join().expect("the server does not panic")?;
    assert!(TcpStream::connect(address).is_err(), "the listener is gone");
    Ok(answers)
}

#[cfg(target_family = "wasm")]
fn converse(requests: &[&str]) -> std::io::Result<Vec<String>> {
    Ok(requests.iter().map(|request| answer(request)).collect())
}

fn main() -> std::io::Result<()> {
    let long = "0123456789".repeat(20_000);
    let answers = converse(&["stressed\ndesserts\n", "é日本\n", &long])?;
    print!("{}{}", answers[0], answers[1]);
    println!("{} bytes, starts {:?}", answers[2].len(), &answers[2][..12]);
    Ok(())
}

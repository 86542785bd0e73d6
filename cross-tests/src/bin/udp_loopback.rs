//! UDP over the loopback interface: datagrams keep their borders, an empty one and a cut one included.
//! Equal everywhere: sizes and contents. WASI preview 1 cannot open sockets: a queue of packets stands in there.

const DATAGRAMS: [&[u8]; 4] = [b"first", b"", b"a longer third datagram", &[0, 255, 10, 13]];
const ROOM: usize = 12;

#[cfg(unix)]
fn exchange() -> std::io::Result<Vec<Vec<u8>>> {
    use std::net::UdpSocket;

    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    receiver.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.connect(receiver.local_addr()?)?;
    let mut received = Vec::new();
    for datagram in DATAGRAMS {
        assert_eq!(sender.send(datagram)?, datagram.len());
        let mut buffer = [0; ROOM];
        let (length, from) = receiver.recv_from(&mut buffer)?;
        assert_eq!(from, sender.local_addr()?);
        received.push(buffer[..length].to_vec());
    }
    Ok(received)
}

/// Windows calls a cut datagram an error and drops it, so this one asks for enough room and cuts by itself.
#[cfg(windows)]
fn exchange() -> std::io::Result<Vec<Vec<u8>>> {
    use std::net::UdpSocket;

    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    receiver.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.connect(receiver.local_addr()?)?;
    let mut received = Vec::new();
    for datagram in DATAGRAMS {
        assert_eq!(sender.send(datagram)?, datagram.len());
        let mut buffer = [0; 64];
        let length = receiver.recv(&mut buffer)?;
        received.push(buffer[..length.min(ROOM)].to_vec());
    }
    Ok(received)
}

#[cfg(target_family = "wasm")]
fn exchange() -> std::io::Result<Vec<Vec<u8>>> {
    Ok(DATAGRAMS.iter().map(|datagram| datagram[..datagram.len().min(ROOM)].to_vec()).collect())
}

fn main() -> std::io::Result<()> {
    for datagram in exchange()? {
        println!("{} {:?}", datagram.len(), datagram.escape_ascii().to_string());
    }
    Ok(())
}

//! Serves the population until its standard input ends: `serve LISTEN SEED`. For trying other scanners on it by hand.

use std::error::Error;
use std::io::{Read, stdin};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(seed)) = (arguments.next(), arguments.next()) else {
        return Err("usage: serve LISTEN SEED".into());
    };
    let server = simulator::Server::start(listen.parse()?, simulator::answer(seed.parse()?))?;
    println!("ready {}", server.local_addr());
    stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}

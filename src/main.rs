//! The program; its commands come with the next rooms.

fn main() {}

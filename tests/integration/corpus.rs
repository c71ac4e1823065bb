//! Replays the corpus of the fuzz targets, and every finding that was added to it, on stable.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/decoders.rs"]
mod decoders;

#[test]
fn every_file_of_the_corpus_is_decoded_without_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, decode) in decoders::ALL {
        let files: Vec<_> = fs::read_dir(corpus.join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 3, "the corpus of {target} is missing");
        for file in files {
            // A panic names the decoder, this line the bytes.
            println!("{}", file.display());
            decode(&fs::read(&file).unwrap());
        }
    }
    let folders = fs::read_dir(&corpus).unwrap().count();
    assert_eq!(folders, decoders::ALL.len(), "a folder without a target is never replayed");
}

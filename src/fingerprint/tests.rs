//! The embedded set proves itself, and bad files are named by file, line and key.

use std::path::Path;

use super::*;

fn embedded() -> FingerprintSet {
    FingerprintSet::embedded().unwrap()
}

#[test]
fn every_file_is_embedded_under_its_class_and_id() {
    let on_disk = glob(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fingerprints")));
    assert_eq!(on_disk, FingerprintSet::embedded_files().count());
    for file in FingerprintSet::embedded_files() {
        let fingerprint = file.compile().unwrap();
        assert_eq!(file.name, format!("fingerprints/{}/{}.toml", fingerprint.class, fingerprint.id));
    }
}

fn glob(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { glob(&path) } else { 1 }).sum()
}

#[test]
fn every_embedded_fingerprint_proves_itself_against_all_others() {
    let set = embedded();
    let errors: Vec<String> = FingerprintSet::embedded_files()
        .filter_map(|file| file.prove(&set).err())
        .flat_map(|errors| errors.into_vec().into_iter().map(|error| error.to_string()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

const MINIMAL: &str = r#"id = "x"
name = "X"
class = "generic"
status = "stable"
description = "X."
[[required]]
field = "computer_name"
equals = "X"
"#;

fn complaint(text: &str) -> String {
    SourceFile { name: "my.toml".to_owned(), text: text.to_owned() }.compile().unwrap_err().to_string()
}

#[test]
fn complaints_name_file_line_and_key() {
    assert!(SourceFile { name: "my.toml".to_owned(), text: MINIMAL.to_owned() }.compile().is_ok());
    let operator = |text: &str| MINIMAL.replace("equals = \"X\"", text);
    let on = |field: &str, text: &str| operator(text).replace("computer_name", field);
    let cases = [
        (MINIMAL.replace("computer_name", "computer_nam"), "7: `field` names `computer_nam`"),
        (operator("regex = \"(\""), "8: `regex` does not compile: unclosed group"),
        (operator(""), "7: the condition on `computer_name` needs exactly one operator, of `equals`, `one_of`"),
        (operator("equals = \"X\"\nprefix = \"X\""), "7: the condition on `computer_name` needs exactly one operator"),
        (operator("equal = \"X\""), "8: unknown field `equal`"),
        (MINIMAL.replace("\"generic\"", "\"evil\""), "3: unknown variant `evil`"),
        (MINIMAL.replace("\"generic\"", "\"criminal-image\""), "3: class `criminal-image` needs a published source"),
        (
            MINIMAL.replace("\"generic\"", "\"criminal-image\"")
                + "\n[[sources]]\npublisher = \"P\"\ntitle = \"T\"\nin_letters = false\n",
            "3: class `criminal-image` needs a published source that letters may cite",
        ),
        (MINIMAL.replace("\"x\"", "\"A b\""), "1: `id` may hold only"),
        (MINIMAL.replace("\"X.\"", "\"\""), "5: a text that people read must not be empty (`description = \"\"`)"),
        (MINIMAL.replace("name = \"X\"\n", ""), "1: missing field `name`"),
        (MINIMAL.replace("[[required]]", "first_seen = \"March\"\n[[required]]"), "6: a date is written as a year"),
        (MINIMAL.replace("[[required]]", "first_seen = 2024\n[[required]]"), "6: invalid type: integer"),
        (on("ntlm_build", "equals = \"X\""), "8: `ntlm_build` must be compared with a whole number"),
        (
            on("ntlm_build", "prefix = \"1\""),
            "7: `prefix` does not fit `ntlm_build`, which is a whole number; it takes",
        ),
        (on("ntlm_build", "minimum = 2\nmaximum = 1"), "9: `minimum` is above `maximum`"),
        (on("ntlm_build", "minimum = \"2\""), "8: `ntlm_build` is compared with whole numbers"),
        (on("cert_not_before", "minimum = \"soon\""), "8: `cert_not_before` needs a time in UTC"),
        (on("cert_not_before", "equals = \"2024-01-01\""), "8: `cert_not_before` needs an instant here"),
        (on("cert_sha256", "equals = \"abcd\""), "8: `cert_sha256` has 64 hexadecimal digits, and these are 4"),
        (on("cert_sha1", "equals = \"xyz\""), "8: `cert_sha1` must be compared with hexadecimal digits"),
        (on("cert_serial_number", "equals = -1"), "8: `cert_serial_number` must be compared with hexadecimal digits"),
        (on("cert_self_signed", "equals = \"yes\""), "8: `cert_self_signed` must be compared with true or false"),
        (on("ip", "cidr = \"10.0.0.0/33\""), "8: `10.0.0.0/33` is no prefix in CIDR notation"),
        (on("ip", "equals = \"10.0.0.0/8\""), "8: `10.0.0.0/8` is no IP address; for a prefix use `cidr`"),
        (operator("cidr = \"10.0.0.0/8\""), "7: `cidr` does not fit `computer_name`, which is a computer name"),
        (operator("equals = 1"), "8: `computer_name` must be compared with a text"),
        (operator("equals = 1.5"), "8: a value is a text, a whole number"),
        (operator("equals = [\"X\"]"), "8: a value is a text, a whole number"),
        (operator("equals = \"\""), "8: an empty text is no value"),
        (operator("equals = \"X.example\""), "8: `computer_name` is compared without its domain; write `X`"),
        (operator("one_of = []"), "8: `one_of` must not be empty"),
        (operator("one_of = [\"X\", 1]"), "8: `computer_name` must be compared with a text"),
        (operator("equals = \"X\\u200b\""), "8: `X\u{200b}` holds a character that nobody can see"),
        (operator("regex = \"A)|(?:B\""), "8: `regex` does not compile: unopened group"),
        (
            on("key_possession", "equals = \"prooven\""),
            "8: `prooven` is no value that `key_possession` can have; did you mean `proven`?",
        ),
        (
            on("windows_rdp_certificate", "equals = \"true\""),
            "8: `true` is no value that `windows_rdp_certificate` can have",
        ),
        (
            on("cert_serial_number", "equals = 123456789012345678901234567890"),
            "8: invalid type: integer `123456789012345678901234567890` as i128",
        ),
        (on("class", "equals = \"lab\""), "7: `field` names `class`, which is no fact or trait"),
        (
            MINIMAL.replace("[[required]]", "[required]"),
            "6: invalid type: map, expected a sequence; a list of tables is written [[…]]",
        ),
        (
            MINIMAL.replace("[[required]]", "first_seen = \"2025\"\nlast_seen = \"2024\"\n[[required]]"),
            "7: `last_seen` lies before",
        ),
        (MINIMAL.replace("\"X.\"", "\"X\\u202e.\""), "5: a text that people read must not hold characters"),
        (operator("prefix = \"\""), "7: `prefix` must not be empty"),
        (operator("present = false"), "8: `present = false` says too little; write `absent = true`"),
        (operator("equals = \"X\"\nany = []"), "6: a condition has exactly one of `field`, `all`, `any` and `not`"),
        (MINIMAL.split("[[").next().unwrap().to_owned(), "1: `required` is missing"),
    ];
    for (text, expected) in cases {
        let got = complaint(&text);
        assert!(got.starts_with(&format!("my.toml:{expected}")), "{got}\nshould begin with\n{expected}\nfor\n{text}");
    }
    let all =
        format!("{}\n[[required]]\nnot = {{ field = \"y\", equals = \"X\" }}", MINIMAL.replace("\"x\"", "\"X x\""));
    let all = SourceFile { name: "my.toml".to_owned(), text: all }.compile().unwrap_err();
    assert!(all.to_string().ends_with("(and 1 more; `rdprint fingerprints check` lists them)"), "{all}");
    assert_eq!(all.into_vec().iter().map(|error| error.line).collect::<Vec<_>>(), [1, 11]);
}

#[test]
fn examples_of_own_files_are_run() {
    let example = |confidence: &str, facts: &str| {
        let head = format!("{MINIMAL}[[examples]]\norigin = \"synthetic\"\nwhy = \"it is so\"\n");
        let text = format!("{head}{confidence}[examples.facts]\n{facts}\n");
        SourceFile { name: "my.toml".to_owned(), text }.prove_examples().map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(example("confidence = \"weak\"\n", "cert_subject_cn = \"x\""), Ok(()));
    let cases = [
        (
            "confidence = \"supported\"\n",
            "cert_subject_cn = \"x\"",
            "9: this example (it is so) gives `weak` where `supported`",
        ),
        (
            "confidence = \"weak\"\n",
            "cert_subject_cn = \"y\"",
            "9: this example (it is so) gives `no match` where `weak`",
        ),
        ("confidence = \"weak\"\n", "cert_subject = 7", "14: `cert_subject` cannot be 7: invalid type"),
        (
            "confidence = \"weak\"\n",
            "ntlm_build = 7",
            "14: `ntlm_build` cannot be 7: invalid type: integer `7`, expected a string; \
          write `ntlm_product_version`, as in",
        ),
        (
            "confidence = \"weak\"\n",
            "cert_subject_c = \"x\"",
            "14: `cert_subject_c` is no fact; did you mean `cert_subject_cn`?",
        ),
        ("confidence = \"weak\"\n", "cert_der = \"AAAA\"", "14: `cert_der` holds no certificate"),
        ("", "cert_subject_cn = \"x\"", "9: `confidence` is missing"),
    ];
    for (confidence, facts, expected) in cases {
        let error = example(confidence, facts).unwrap_err();
        assert!(error.starts_with(&format!("my.toml:{expected}")), "{error}");
    }
}

#[test]
fn an_id_may_stand_only_once() {
    let file = |name: &str| SourceFile { name: name.to_owned(), text: MINIMAL.to_owned() };
    let error = FingerprintSet::embedded_with([file("a.toml"), file("b.toml")]).unwrap_err();
    assert_eq!(error.to_string(), "b.toml:1: `id` `x` is already taken by a.toml; choose another one");
}

#[test]
fn an_embedded_fingerprint_is_replaced_only_by_a_file_that_says_so() {
    let file = |name: &str, id: &str, overrides: &str| {
        let text = MINIMAL.replace("\"x\"\n", &format!("\"{id}\"\n{overrides}"));
        SourceFile { name: name.to_owned(), text }
    };
    let overriding = "overrides = \"redvds\"\n";
    let set = FingerprintSet::embedded_with([file("a.toml", "redvds", overriding)]).unwrap();
    assert_eq!((set.get("redvds").unwrap().name.as_str(), set.iter().len()), ("X", embedded().iter().len()));
    let renamed = FingerprintSet::embedded_with([file("a.toml", "ours", overriding)]).unwrap();
    assert!(renamed.get("redvds").is_none() && renamed.get("ours").is_some());
    let error = |files: Vec<SourceFile>| FingerprintSet::embedded_with(files).unwrap_err().to_string();
    let taken = error(vec![file("a.toml", "redvds", "")]);
    assert!(taken.ends_with("choose another one, or write `overrides = \"redvds\"` to replace that one"), "{taken}");
    let unknown = error(vec![file("a.toml", "ours", "overrides = \"redvd\"\n")]);
    assert!(unknown.contains("`redvd`, which is no fingerprint of rdprint; did you mean `redvds`?"), "{unknown}");
    let twice = error(vec![file("a.toml", "ours", overriding), file("b.toml", "theirs", overriding)]);
    assert_eq!(twice, "b.toml:1: `redvds` is overridden by another file already; keep one of them");
}

/// A name that no fingerprint of the project asks for, with all that a proof needs.
fn proven() -> String {
    let example = |table: &str, verdict: &str, facts: &str| {
        format!("[[{table}]]\norigin = \"synthetic\"\n{verdict}why = \"w\"\n[{table}.facts]\n{facts}\n")
    };
    let name = |name: &str| format!("ntlm_netbios_computer_name = \"{name}\"");
    [
        MINIMAL.to_owned(),
        "[[expected]]\nfield = \"ntlm_build\"\nequals = 17763\n".to_owned(),
        example("examples", "confidence = \"weak\"\n", &name("X")),
        example("examples", "confidence = \"supported\"\n", &(name("X") + "\nntlm_product_version = \"10.0.17763\"")),
        example("counter_examples", "", &name("Y")),
        example("counter_examples", "", &name("XY")),
    ]
    .concat()
}

#[test]
fn a_proof_needs_examples_for_every_condition_and_no_foreign_match() {
    let prove = |text: String| {
        let file = SourceFile { name: "my.toml".to_owned(), text };
        let set = FingerprintSet::compiled_with([file.clone()]).unwrap();
        let errors = file.prove(&set).err().map(FingerprintErrors::into_vec).unwrap_or_default();
        errors.into_iter().map(|error| error.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(prove(proven()), [""; 0]);
    let few = prove(proven().rsplit_once("[[counter_examples]]").unwrap().0.to_owned());
    assert_eq!(few, ["my.toml:1: `counter_examples` are 1; a fingerprint proves itself with 2 at least"]);
    // Nothing shows what the second condition is for, nor the part of the third.
    let idle = "[[supporting]]\nfield = \"status\"\nequals = \"success\"\n[[contradicting]]\nall = [{ field = \"port\", equals = 3389 }, { field = \"ntlm_build\", \
                equals = 1 }]\n";
    let idle = prove(proven().replacen("[[examples]]", &format!("{idle}[[examples]]"), 1));
    assert_eq!(idle.len(), 3, "{idle:#?}");
    assert!(idle[0].starts_with("my.toml:13: no example needs the condition `status equals success`"), "{idle:#?}");
    let taken = prove(
        proven()
            .replace("computer_name\"\nequals = \"X\"", "computer_name\"\none_of = [\"X\", \"VULTR-GUEST\"]")
            .replacen("ntlm_netbios_computer_name = \"X\"", "ntlm_netbios_computer_name = \"VULTR-GUEST\"", 1),
    );
    assert!(taken[0].contains("is also matched by `vultr-guest`; make one of the two narrower"), "{taken:#?}");
}

#[test]
fn the_hash_names_the_contents_and_not_the_order() {
    let file =
        |id: &str| SourceFile { name: format!("{id}.toml"), text: MINIMAL.replace("\"x\"", &format!("\"{id}\"")) };
    let hash = |files: Vec<SourceFile>| FingerprintSet::embedded_with(files).unwrap().hash().to_owned();
    assert_eq!(hash(vec![file("a"), file("b")]), hash(vec![file("b"), file("a")]));
    assert_ne!(hash(vec![file("a")]), hash(vec![file("b")]));
}

/// The page that teaches the language must not teach mistakes.
#[test]
fn worked_examples_of_the_page_prove_themselves() {
    let page = include_str!("../../docs/fingerprints.md");
    let blocks = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let files: Vec<SourceFile> = blocks
        .enumerate()
        .map(|(number, text)| SourceFile { name: format!("example {number} of docs/fingerprints.md"), text })
        .collect();
    assert_eq!(files.len(), 2);
    let set = FingerprintSet::embedded_with(files.clone()).unwrap();
    for file in files {
        let errors = file.prove(&set).err().map(FingerprintErrors::into_vec).unwrap_or_default();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn own_wording_is_told_in_the_language_asked_for_or_as_it_was_written() {
    let worded = "description = \"X.\"\nwording = \"Said.\"\nwording_in = { de = \"Gesagt.\" }";
    let text = MINIMAL.replace("description = \"X.\"", worded);
    let fingerprint = SourceFile { name: "my.toml".to_owned(), text: text.clone() }.compile().unwrap();
    let told = |language| fingerprint.own_wording(language);
    assert_eq!([told("en"), told("de"), told("fr")].map(Option::unwrap), ["Said.", "Gesagt.", "Said."]);
    let plain = SourceFile { name: "my.toml".to_owned(), text: MINIMAL.to_owned() }.compile().unwrap();
    assert_eq!((plain.own_wording("de"), plain.shows()), (None, "name"));
    let asked = text.replace("\"generic\"", "\"criminal-image\"") + "\n[[sources]]\npublisher = \"P\"\ntitle = \"T\"\n";
    let fingerprint = SourceFile { name: "my.toml".to_owned(), text: asked }.compile().unwrap();
    assert_eq!(fingerprint.fair_wording(), "Said. Please confirm who built the image.", "its class asks");
    let untranslated = complaint(&text.replace("wording = \"Said.\"\n", ""));
    assert!(untranslated.contains("`wording_in` translates `wording`, which is missing"), "{untranslated}");
}
